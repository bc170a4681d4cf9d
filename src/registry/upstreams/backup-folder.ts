import { open, readFile, readdir, rename, rm, stat, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { blobsOfSnapshot } from '#metadata';
import { algorithmOf, digestOf, hexOf, isDigest, parseDigest, type Digest } from '#oci';
import { errnoOf, syncFileSystem } from '#sys';
import { hashFile } from '#work';
import * as z from 'zod';
import type { BackupRecord } from './backup-types.ts';
import { upstreamErrors } from './errors.ts';

const RECORD = 'backup.json';
/** Says what the folder is for before the first backup in it is finished. */
export const BACKUP_MARK = 'lade-backup';
export const BLOB_LIST = 'blobs.list';

const digest = z.string().refine(isDigest).transform(parseDigest);
const record = z.object({
  format: z.literal(1),
  id: z.string(),
  createdMs: z.number(),
  snapshot: z.string().regex(/^registry-[\w-]+\.db$/),
  snapshotDigest: digest,
  blobs: z.number(),
  bytes: z.number(),
});

/** Path of a blob below a backup folder, the same as below a registry's root. */
export const blobPath = (folder: string, wanted: Digest): string =>
  join(folder, 'blobs', algorithmOf(wanted), hexOf(wanted).slice(0, 2), hexOf(wanted));

const orAbsent = async <T>(found: Promise<T>): Promise<T | undefined> => {
  try {
    return await found;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
};

/** The finished backup of a folder, if there is one. */
export const readBackup = async (folder: string): Promise<BackupRecord | undefined> => {
  const bytes = await orAbsent(readFile(join(folder, RECORD)));
  if (bytes === undefined) return undefined;
  try {
    return record.parse(JSON.parse(bytes.toString('utf8')));
  } catch {
    throw upstreamErrors.backupDamaged({ path: folder, faults: [`${RECORD} cannot be read`] });
  }
};

const sync = async (handle: FileHandle): Promise<void> => {
  await handle.sync();
  await handle.close();
};

/** Writes a file so that it is there whole or not at all. */
export const writeWhole = async (path: string, text: string): Promise<void> => {
  const handle = await open(`${path}.half`, 'w', 0o600);
  await handle.writeFile(text);
  await sync(handle);
  await rename(`${path}.half`, path);
};

/** Makes everything on the file system of a folder durable. */
export const syncFolder = async (folder: string): Promise<void> => {
  await using handle = await open(folder, 'r');
  await syncFileSystem(handle.fd);
};

/** Makes everything in the folder durable, then says that the backup is finished. */
export const finishBackup = async (folder: string, backup: BackupRecord): Promise<void> => {
  await syncFolder(folder);
  await writeWhole(join(folder, RECORD), `${JSON.stringify(backup, undefined, 2)}\n`);
  await syncFolder(folder);
  for (const name of await readdir(folder))
    if (/^registry-[\w-]+\.db(?:-\w+)?$/.test(name) && name !== backup.snapshot)
      await rm(join(folder, name), { force: true });
};

export const digestOfFile = async (path: string, signal?: AbortSignal): Promise<Digest> =>
  digestOf('sha256', await hashFile(path, { algorithm: 'sha256', signal }));

/** Whether the folder has the blob whole, as far as its length says. */
export const hasBlobFile = async (folder: string, blob: { digest: Digest; size: number }): Promise<boolean> =>
  (await orAbsent(stat(blobPath(folder, blob.digest))))?.size === blob.size;

const MOST_FAULTS = 100;

export interface CheckOptions {
  /** Reads every blob. */
  readonly read: boolean;
  readonly signal: AbortSignal;
  readonly onBlob?: ((size: number) => void) | undefined;
}

const faultOf = async (
  folder: string,
  blob: { readonly digest: Digest; readonly size: number },
  { read, signal }: CheckOptions,
): Promise<string | undefined> => {
  if (!(await hasBlobFile(folder, blob))) return `blob ${blob.digest} is not there, or not whole`;
  if (!read) return undefined;
  const algorithm = algorithmOf(blob.digest);
  const actual = await hashFile(blobPath(folder, blob.digest), { algorithm, signal });
  return digestOf(algorithm, actual) === blob.digest ? undefined : `blob ${blob.digest} is damaged`;
};

/**
 * Checks that a backup is finished and everything it names is there.
 *
 * @throws UPSTREAMS_BACKUP_UNFINISHED, UPSTREAMS_BACKUP_DAMAGED
 */
export const checkBackup = async (folder: string, options: CheckOptions): Promise<BackupRecord> => {
  const backup = await readBackup(folder);
  if (backup === undefined) throw upstreamErrors.backupUnfinished({ path: folder });
  const snapshot = join(folder, backup.snapshot);
  const faults: string[] = [];
  const actual = await orAbsent(digestOfFile(snapshot, options.signal)).catch(() => undefined);
  if (actual !== backup.snapshotDigest)
    throw upstreamErrors.backupDamaged({ path: folder, faults: [`${backup.snapshot} is damaged`] });
  for await (const blob of blobsOfSnapshot(snapshot)) {
    options.signal.throwIfAborted();
    const fault = await faultOf(folder, blob, options);
    if (fault !== undefined) faults.push(fault);
    if (faults.length > MOST_FAULTS) break;
    options.onBlob?.(blob.size);
  }
  if (faults.length > 0) throw upstreamErrors.backupDamaged({ path: folder, faults });
  return backup;
};
