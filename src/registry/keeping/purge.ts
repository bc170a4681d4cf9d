import { setImmediate as breathe } from 'node:timers/promises';
import type { KeyedLocks } from '#blobs';
import type { Digest } from '#oci';
import { REMOVALS_LOCK } from '#metadata';
import type { RegistryStorage } from '#protocol';
import { restSince } from './rest.ts';
import type { PurgeOptions, PurgeResult, SweepResult } from './types.ts';

/** Removals purged together, blobs removed under one set of locks, and files unlinked at the same time. */
const REMOVALS = 50;
const BLOBS = 100;
const UNLINKS = 2;
const ROWS = 200;
const SCAN = 500;

/** Runs `work` while holding the locks of all digests. Whoever takes several takes them in this order. */
export const lockAll = <T>(
  locks: KeyedLocks,
  digests: readonly Digest[],
  work: () => Promise<T>,
): Promise<T> =>
  digests.toSorted().reduceRight<() => Promise<T>>((inner, digest) => () => locks.run(digest, inner), work)();

const removeFiles = async ({ blobs }: RegistryStorage, digests: readonly Digest[]): Promise<void> => {
  const left = [...digests];
  const worker = async (): Promise<void> => {
    for (let next = left.pop(); next !== undefined; next = left.pop()) await blobs.remove(next);
  };
  await Promise.all(Array.from({ length: UNLINKS }, worker));
};

/** While a backup copies files, none may go. */
const isHeld = ({ metadata }: RegistryStorage): boolean =>
  metadata.backups.holds().some(({ untilMs }) => untilMs > Date.now());

/** Runs a batch of removals unless a backup came first; a backup that begins waits for the batch. */
const unlessHeld = <T>(storage: RegistryStorage, batch: () => Promise<T>): Promise<T | undefined> =>
  storage.locks.run(REMOVALS_LOCK, async () => (isHeld(storage) ? undefined : batch()));

interface Sizes {
  readonly digests: readonly Digest[];
  readonly bytes: number;
}

const purgeSome = async (
  storage: RegistryStorage,
  removals: readonly string[],
  digests: readonly Digest[],
): Promise<Sizes> =>
  lockAll(storage.locks, digests, async () => {
    const { collection } = storage.metadata;
    const sizes = collection.blobSizes(digests);
    const forgotten = await collection.purgeBlobs(removals, digests);
    await removeFiles(storage, forgotten);
    return {
      digests: forgotten,
      bytes: forgotten.reduce((sum, digest) => sum + (sizes.get(digest) ?? 0), 0),
    };
  });

/**
 * Lets go for good of what can no longer be undone: records first, durably, then files. Small batches, each under the
 * locks of its digests, so that a push of the same content waits at most for one batch and then is a new push. What a
 * killed process left of a batch are files without a record, which `sweepStrays` finds.
 */
export const purgeExpired = async (
  storage: RegistryStorage,
  beforeMs: number,
  { signal, onProgress }: PurgeOptions,
): Promise<PurgeResult> => {
  const { collection } = storage.metadata;
  const total = { removals: 0, blobs: 0, bytes: 0 };
  for (;;) {
    if (isHeld(storage)) return total;
    const removals = collection.expiredRemovals(beforeMs, REMOVALS);
    if (removals.length === 0) return total;
    await collection.beginPurge(removals);
    for (;;) {
      signal?.throwIfAborted();
      const beganMs = performance.now();
      const digests = collection.heldBlobs(removals, BLOBS);
      if (digests.length === 0) break;
      const purged = await unlessHeld(storage, () => purgeSome(storage, removals, digests));
      if (purged === undefined) return total;
      const { digests: gone, bytes } = purged;
      total.blobs += gone.length;
      total.bytes += bytes;
      onProgress?.({ ...total });
      await restSince(beganMs);
    }
    while (await collection.purgeRows(removals, ROWS)) {
      signal?.throwIfAborted();
      await breathe();
    }
    await collection.endPurge(removals);
    total.removals += removals.length;
  }
};

/** Records of blobs that nothing has, with their files. */
const sweepRecords = async (
  storage: RegistryStorage,
  beforeMs: number,
  signal: AbortSignal | undefined,
): Promise<{ blobs: number; bytes: number }> => {
  const { collection } = storage.metadata;
  const total = { blobs: 0, bytes: 0 };
  for (let after = ''; ;) {
    signal?.throwIfAborted();
    const { blobs, last } = collection.unheldBlobs({ limit: SCAN, after });
    const old = blobs.filter(({ createdMs }) => createdMs < beforeMs);
    const digests = old.map(({ digest }) => digest);
    if (digests.length > 0) {
      const gone = new Set(
        await unlessHeld(storage, () =>
          lockAll(storage.locks, digests, async () => {
            const forgotten = await collection.forgetBlobs(digests);
            await removeFiles(storage, forgotten);
            return forgotten;
          }),
        ),
      );
      total.blobs += gone.size;
      total.bytes += old.reduce((sum, { digest, size }) => sum + (gone.has(digest) ? size : 0), 0);
    }
    if (last === undefined) return total;
    after = last;
    await breathe();
  }
};

/** Files that no record names: left by a crash between file and record. */
const sweepStrays = async (
  { blobs: driver, metadata, locks }: RegistryStorage,
  beforeMs: number,
  signal: AbortSignal | undefined,
): Promise<{ blobs: number; bytes: number }> => {
  const { contents } = metadata;
  const total = { blobs: 0, bytes: 0 };
  for await (const { digest, size, modifiedMs } of driver.list()) {
    signal?.throwIfAborted();
    if (modifiedMs >= beforeMs || contents.hasBlob(digest)) continue;
    await locks.run(digest, async () => {
      if (contents.hasBlob(digest)) return;
      await driver.remove(digest);
      total.blobs += 1;
      total.bytes += size;
    });
  }
  return total;
};

export interface SweepTimes {
  readonly beforeMs: number;
  readonly uploadsBeforeMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** Removes what no record or nothing at all refers to, and idle uploads. */
export const sweep = async (
  storage: RegistryStorage,
  { beforeMs, uploadsBeforeMs, signal }: SweepTimes,
): Promise<SweepResult> => {
  const uploads = await storage.blobs.sweepUploads(uploadsBeforeMs);
  if (isHeld(storage)) return { blobs: 0, bytes: 0, uploads };
  const records = await sweepRecords(storage, beforeMs, signal);
  const strays = await sweepStrays(storage, beforeMs, signal);
  return { blobs: records.blobs + strays.blobs, bytes: records.bytes + strays.bytes, uploads };
};
