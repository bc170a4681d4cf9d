import { setImmediate as breathe } from 'node:timers/promises';
import type { RegistryStorage } from '#protocol';

export interface CollectTimes {
  /** Milliseconds that content without references is kept: uploads in flight need it. */
  readonly graceMs: number;
  /** Milliseconds that an idle upload session is kept. */
  readonly uploadMs: number;
  readonly signal?: AbortSignal | undefined;
}

export interface CollectResult {
  /** Blobs and bytes freed, upload sessions ended. */
  readonly blobs: number;
  readonly bytes: number;
  readonly uploads: number;
}

/** Files that no record names: left by a crash between file and record. */
const sweepStrays = async (
  { blobs: driver, metadata, locks }: RegistryStorage,
  beforeMs: number,
): Promise<{ blobs: number; bytes: number }> => {
  const { contents } = metadata;
  let [blobs, bytes] = [0, 0];
  for await (const { digest, size, modifiedMs } of driver.list()) {
    if (modifiedMs >= beforeMs || contents.hasBlob(digest)) continue;
    await locks.run(digest, async () => {
      if (contents.hasBlob(digest)) return;
      await driver.remove(digest);
      blobs += 1;
      bytes += size;
    });
  }
  return { blobs, bytes };
};

/**
 * Frees what nothing refers to: links without a manifest, blobs without a link, stray files, idle uploads. Each blob is
 * judged again under its lock, so that a push of the same content at the same time keeps it.
 */
export const collect = async (storage: RegistryStorage, times: CollectTimes): Promise<CollectResult> => {
  const { contents } = storage.metadata;
  const beforeMs = Date.now() - times.graceMs;
  await contents.dropUnused(beforeMs);
  let [blobs, bytes] = [0, 0];
  for (const { digest, size } of contents.unlinkedBlobs(beforeMs)) {
    times.signal?.throwIfAborted();
    await storage.locks.run(digest, async () => {
      if (!(await contents.forgetBlob(digest))) return;
      await storage.blobs.remove(digest);
      blobs += 1;
      bytes += size;
    });
    await breathe();
  }
  const strays = await sweepStrays(storage, beforeMs);
  const uploads = await storage.blobs.sweepUploads(Date.now() - times.uploadMs);
  return { blobs: blobs + strays.blobs, bytes: bytes + strays.bytes, uploads };
};
