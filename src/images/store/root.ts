import { statfsSync } from 'node:fs';
import { readFile, readdir, stat, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { openDatabase, type Migration } from '#database';
import { fileLock, makeDirectories, type FileLock } from '#sys';
import { moveDurably, syncDirectory, writeDurably } from './durable.ts';
import { storeErrors } from './errors.ts';
import { storeMigrations } from './migrations.ts';
import { changeMigrations } from './change-migrations.ts';
import { listMigrations } from './manifest-lists.ts';
import { spaceMigrations } from './space-migrations.ts';
import type { Root, RootOptions } from './types.ts';

/** Number of the directory layout; the tables have versions of their own. */
const LAYOUT = 1;

const holderOf = async (lockPath: string): Promise<string> => {
  const text = await readFile(lockPath, 'utf8').catch(() => '');
  return /^\d+$/.test(text.trim()) ? ` (process ${text.trim()})` : '';
};

const lockRoot = async (path: string): Promise<FileLock> => {
  const lockPath = join(path, 'lock');
  const lock = fileLock(lockPath);
  if (lock === undefined) throw storeErrors.rootInUse({ path, holder: await holderOf(lockPath) });
  await writeFile(lockPath, `${process.pid}\n`);
  return lock;
};

const readLayout = async (path: string): Promise<number | undefined> => {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (text === undefined) return undefined;
  if (!/^\d{1,6}$/.test(text.trim())) throw storeErrors.versionUnreadable({ path });
  return Number(text);
};

const checkLayout = async (path: string): Promise<void> => {
  const versionPath = join(path, 'version');
  const found = await readLayout(versionPath);
  if (found !== undefined && found > LAYOUT) throw storeErrors.layoutNewer({ path, found, known: LAYOUT });
  if (found !== undefined) return;
  await writeDurably(`${versionPath}.new`, `${LAYOUT}\n`);
  await moveDurably(`${versionPath}.new`, versionPath);
};

/** Files of SQLite that hold no table: one page at most, and no log with more. */
const isEmptyDatabase = async (path: string): Promise<boolean> => {
  const sizeOf = async (name: string): Promise<number> =>
    (await stat(join(path, name)).catch(() => undefined))?.size ?? 0;
  return (await sizeOf('lade.db')) <= 4096 && (await sizeOf('lade.db-wal')) === 0;
};

/** What is in a root that only records make useful. Without them, all of it would be swept away as left over. */
const CONTENT = ['layers', join('blobs', 'sha256'), join('blobs', 'sha512'), 'volumes', 'snapshots'];

const checkRecords = async (path: string): Promise<void> => {
  if (!(await isEmptyDatabase(path))) return;
  for (const what of CONTENT) {
    const names = await readdir(join(path, what)).catch(() => []);
    if (names.some((name) => !name.startsWith('.'))) throw storeErrors.databaseGone({ path, what });
  }
};

/** Room for removals on a full disk: a 32nd of the file system, from 256 KiB to 4 MiB. */
const reserveFor = (path: string): number => {
  const { blocks, bsize } = statfsSync(path);
  return Math.min(4 * 1024 * 1024, Math.max(256 * 1024, Math.floor((blocks * bsize) / 32)));
};

const allMigrations = (others: readonly Migration[]): readonly Migration[] => [
  ...storeMigrations,
  ...spaceMigrations,
  ...changeMigrations,
  ...listMigrations,
  ...others.filter((migration) => !storeMigrations.includes(migration)),
];

/**
 * Opens a root directory, and makes it when missing. Holds its exclusive lock until disposed, after everything that
 * uses it was disposed.
 *
 * `failed-precondition` when another process holds it, or when a newer Lade wrote it; `corrupt` when there is content
 * and no database that knows it.
 */
export const openRoot = async (options: RootOptions | string): Promise<Root> => {
  const { path: given, migrations = [] } = typeof options === 'string' ? { path: options } : options;
  const path = resolve(given);
  makeDirectories(path, 0o710);
  const lock = await lockRoot(path);
  try {
    await checkLayout(path);
    await checkRecords(path);
    const database = await openDatabase({
      path: join(path, 'lade.db'),
      migrations: allMigrations(migrations),
      reserveBytes: reserveFor(path),
    });
    await syncDirectory(path);
    return {
      path,
      database,
      async [Symbol.asyncDispose]() {
        await database[Symbol.asyncDispose]();
        lock[Symbol.dispose]();
      },
    };
  } catch (error) {
    lock[Symbol.dispose]();
    throw error;
  }
};
