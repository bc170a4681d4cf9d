import { setImmediate as breathe } from 'node:timers/promises';
import type { Services } from './call.ts';
import type { CollectOptions, CollectResult } from './types.ts';

export interface CollectTimes {
  readonly graceMs: number;
  readonly uploadMs: number;
}

/** Files that no record names: left by a crash between file and record. */
const sweepStrays = async (
  services: Services,
  beforeMs: number,
): Promise<{ blobs: number; bytes: number }> => {
  const { storage, locks } = services;
  let [blobs, bytes] = [0, 0];
  for await (const { digest, size, modifiedMs } of storage.blobs.list()) {
    if (modifiedMs >= beforeMs || storage.metadata.hasBlob(digest)) continue;
    await locks.run(digest, async () => {
      if (storage.metadata.hasBlob(digest)) return;
      await storage.blobs.remove(digest);
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
export const collect = async (
  services: Services,
  times: CollectTimes,
  { graceMs = times.graceMs, signal }: CollectOptions = {},
): Promise<CollectResult> => {
  const { storage, locks } = services;
  const beforeMs = Date.now() - graceMs;
  await storage.metadata.dropUnused(beforeMs);
  let [blobs, bytes] = [0, 0];
  for (const { digest, size } of storage.metadata.unlinkedBlobs(beforeMs)) {
    signal?.throwIfAborted();
    await locks.run(digest, async () => {
      if (!(await storage.metadata.forgetBlob(digest))) return;
      await storage.blobs.remove(digest);
      blobs += 1;
      bytes += size;
    });
    await breathe();
  }
  const strays = await sweepStrays(services, beforeMs);
  const uploads = await storage.blobs.sweepUploads(Date.now() - times.uploadMs);
  const result = { blobs: blobs + strays.blobs, bytes: bytes + strays.bytes, uploads };
  services.emit({ kind: 'collected', ...result });
  return result;
};
