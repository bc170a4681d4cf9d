import { randomUUID } from 'node:crypto';
import { mkdir, open, readdir, rm } from 'node:fs/promises';
import { isAbsolute, join, relative } from 'node:path';
import { blobsOfSnapshot, REMOVALS_LOCK } from '#metadata';
import type { Digest } from '#oci';
import type { RegistryStorage } from '#protocol';
import {
  BACKUP_MARK,
  BLOB_LIST,
  blobPath,
  digestOfFile,
  finishBackup,
  hasBlobFile,
  writeWhole,
} from './backup-folder.ts';
import type { BackupOptions, BackupRecord } from './backup-types.ts';
import { upstreamErrors } from './errors.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
const RENEW_MS = 60_000;
const PARALLEL = 4;
/** A hold of a backup that copies by itself outlives a killed process by this much. */
const OWN_HOLD_MS = 10 * RENEW_MS;

const prepareFolder = async (path: string): Promise<void> => {
  if (!isAbsolute(path)) throw upstreamErrors.pathNotAbsolute({ path });
  await mkdir(path, { recursive: true, mode: 0o700 });
  const names = await readdir(path);
  if (names.includes(BACKUP_MARK)) return;
  if (names.length > 0)
    throw upstreamErrors.backupForeign({ path, reason: 'it holds something else than backups' });
  await writeWhole(join(path, BACKUP_MARK), 'Backups of a registry: lade registry restore\n');
};

/** Keeps blobs from being removed until it is disposed. */
const beginHold = async ({ metadata, locks }: RegistryStorage, id: string): Promise<AsyncDisposable> => {
  const { backups } = metadata;
  const createdMs = Date.now();
  const renew = (): Promise<void> => backups.hold({ id, createdMs, untilMs: Date.now() + OWN_HOLD_MS });
  await locks.run(REMOVALS_LOCK, renew);
  const timer = setInterval(() => void renew().catch(() => undefined), RENEW_MS);
  timer.unref();
  return { [Symbol.asyncDispose]: async () => clearInterval(timer) };
};

interface Blob {
  readonly digest: Digest;
  readonly size: number;
}

/** Runs some at a time; the first failure counts, when all have ended. */
const someAtATime = async (
  items: AsyncIterable<Blob>,
  work: (item: Blob) => Promise<void>,
): Promise<void> => {
  const iterator = items[Symbol.asyncIterator]();
  const lane = async (): Promise<void> => {
    for (let next = await iterator.next(); next.done !== true; next = await iterator.next())
      await work(next.value);
  };
  const lanes = await Promise.allSettled(Array.from({ length: PARALLEL }, lane));
  for (const each of lanes) if (each.status === 'rejected') throw each.reason;
};

const writeList = async (folder: string, snapshot: string): Promise<void> => {
  await using list = await open(join(folder, BLOB_LIST), 'w', 0o600);
  for await (const { digest } of blobsOfSnapshot(snapshot))
    await list.write(`${relative(folder, blobPath(folder, digest))}\n`);
  await list.sync();
};

const totalsOf = async (snapshot: string): Promise<{ blobs: number; bytes: number }> => {
  let [blobs, bytes] = [0, 0];
  for await (const { size } of blobsOfSnapshot(snapshot)) {
    blobs += 1;
    bytes += size;
  }
  return { blobs, bytes };
};

const copyBlobs = async (
  { blobs }: RegistryStorage,
  { folder, snapshot }: { readonly folder: string; readonly snapshot: string },
  { emit, signal }: BackupOptions,
): Promise<{ blobs: number; bytes: number; present: number }> => {
  const { files } = blobs;
  if (files === undefined) throw upstreamErrors.filesUnsupported({});
  const copied = { blobs: 0, bytes: 0, present: 0 };
  await someAtATime(blobsOfSnapshot(snapshot), async (blob) => {
    signal.throwIfAborted();
    if (await hasBlobFile(folder, blob)) copied.present += 1;
    else {
      await files.give(blob.digest, blobPath(folder, blob.digest));
      copied.blobs += 1;
      copied.bytes += blob.size;
    }
    emit({ kind: 'progress', ...copied });
  });
  return copied;
};

/**
 * Backs a registry up while it serves: its metadata as of one moment and every blob that this names. What the folder has
 * already is not copied again; an earlier backup in it stays valid until this one is finished.
 *
 * @throws UPSTREAMS_BACKUP_FOREIGN, UPSTREAMS_PATH_NOT_ABSOLUTE
 */
export const backUp = async (
  storage: RegistryStorage,
  folder: string,
  options: BackupOptions,
): Promise<BackupRecord> => {
  const { emit, signal, listOnly = false, holdMs = DAY_MS } = options;
  await prepareFolder(folder);
  const { backups } = storage.metadata;
  const createdMs = Date.now();
  const id = `${new Date(createdMs).toISOString().replaceAll(/[-:]|\.\d+/g, '')}-${randomUUID().slice(0, 8)}`;
  const name = `registry-${id}.db`;
  const snapshot = join(folder, name);
  try {
    await using _hold = await beginHold(storage, id);
    await backups.snapshot(snapshot);
    const totals = await totalsOf(snapshot);
    emit({ kind: 'snapshot', id, ...totals });
    if (listOnly) await writeList(folder, snapshot);
    const copied = listOnly
      ? { blobs: 0, bytes: 0, present: 0 }
      : await copyBlobs(storage, { folder, snapshot }, options);
    const record: BackupRecord = {
      format: 1,
      id,
      createdMs,
      snapshot: name,
      snapshotDigest: await digestOfFile(snapshot, signal),
      ...totals,
    };
    await finishBackup(folder, record);
    const heldUntilMs = listOnly ? Date.now() + holdMs : undefined;
    if (heldUntilMs !== undefined) await backups.hold({ id, createdMs, untilMs: heldUntilMs });
    else await backups.release(id);
    emit({ kind: 'done', id, ...copied, heldUntilMs });
    return record;
  } catch (error) {
    await backups.release(id).catch(() => undefined);
    await rm(snapshot, { force: true }).catch(() => undefined);
    throw error;
  }
};
