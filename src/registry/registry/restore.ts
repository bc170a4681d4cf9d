import { copyFile, mkdir, readFile, readdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createFileDriver } from '#blobs';
import { blobsOfSnapshot, openMetadata } from '#metadata';
import { fileLock } from '#sys';
import { backupBlobPath, checkBackup, syncFolder, upstreamErrors, type BackupEvent } from '#upstreams';
import { registryErrors } from './errors.ts';
import { LAYOUT } from './storage.ts';

export interface RestoreOptions {
  readonly emit: (event: BackupEvent) => void;
  readonly signal: AbortSignal;
}

/** What the file `version` says as long as not everything is there: no registry opens such a root. */
const restoring = (id: string): string => `restoring ${id}`;

/** An empty folder, or one where the same backup was being restored. */
const prepareRoot = async (root: string, id: string): Promise<void> => {
  await mkdir(root, { recursive: true, mode: 0o700 });
  const names = (await readdir(root)).filter((name) => name !== 'lock');
  const version = await readFile(join(root, 'version'), 'utf8').catch(() => '');
  if (names.length > 0 && version.trim() !== restoring(id)) throw upstreamErrors.rootNotEmpty({ path: root });
  await writeFile(join(root, 'version'), `${restoring(id)}\n`);
};

const restoreBlobs = async (
  folder: string,
  { root, snapshot }: { readonly root: string; readonly snapshot: string },
  { emit, signal }: RestoreOptions,
) => {
  await using driver = await createFileDriver(root);
  const { files } = driver;
  if (files === undefined) throw upstreamErrors.filesUnsupported({});
  const total = { blobs: 0, bytes: 0, present: 0 };
  for await (const { digest, size } of blobsOfSnapshot(snapshot)) {
    signal.throwIfAborted();
    const how = await files.take(backupBlobPath(folder, digest), digest, { link: false, signal });
    if (how === 'there') total.present += 1;
    else {
      total.blobs += 1;
      total.bytes += size;
    }
    emit({ kind: 'progress', ...total });
  }
  return total;
};

const restoreMetadata = async (snapshot: string, root: string): Promise<void> => {
  const path = join(root, 'registry.db');
  await copyFile(snapshot, `${path}.half`);
  await rename(`${path}.half`, path);
  await using metadata = await openMetadata(path);
  for (const { id } of metadata.backups.holds()) await metadata.backups.release(id);
};

/**
 * Makes a registry's root of a backup. Nothing is written before everything that the backup names is known to be there;
 * every blob is verified on the way. After a crash it goes on.
 *
 * @throws UPSTREAMS_BACKUP_UNFINISHED, UPSTREAMS_BACKUP_DAMAGED, UPSTREAMS_ROOT_NOT_EMPTY, REGISTRY_ROOT_IN_USE
 */
export const restoreRegistry = async (
  folder: string,
  root: string,
  options: RestoreOptions,
): Promise<void> => {
  const { emit, signal } = options;
  const backup = await checkBackup(folder, { read: false, signal });
  await prepareRoot(root, backup.id);
  const lock = fileLock(join(root, 'lock'));
  if (lock === undefined) throw registryErrors.rootInUse({ path: root });
  using _lock = lock;
  const snapshot = join(folder, backup.snapshot);
  emit({ kind: 'snapshot', id: backup.id, blobs: backup.blobs, bytes: backup.bytes });
  const total = await restoreBlobs(folder, { root, snapshot }, options);
  await restoreMetadata(snapshot, root);
  await syncFolder(root);
  await writeFile(join(root, 'version'), `${LAYOUT}\n`);
  await syncFolder(root);
  emit({ kind: 'done', id: backup.id, ...total });
};
