import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createBlobStore, storePaths } from './blobs.ts';
import { collect, leftovers, letGoBlobs, sweep, type CollectDependencies } from './collect.ts';
import { createDeletions } from './deletions.ts';
import { syncDirectory } from './durable.ts';
import { createHolds } from './holds.ts';
import { createImageRecords } from './images.ts';
import { createKeyedLock } from './keyed-lock.ts';
import { createLeases } from './leases.ts';
import { createManifestLists } from './manifest-lists.ts';
import { readOwnership, readRefetchable } from './ownership.ts';
import { quarantineBlob, quarantinePlace, recordFaults, strayBlobs } from './quarantine.ts';
import { openTrash } from './trash.ts';
import type { ImageStore, Root } from './types.ts';

/**
 * Opens the image store of a root; once per open root. Removes what an earlier process left half-made, so that every
 * recorded image is whole and nothing else is there.
 */
export const openImageStore = async (root: Root): Promise<ImageStore> => {
  const paths = storePaths(root.path);
  for (const path of [paths.ingest, join(paths.blobs, 'sha256'), join(paths.blobs, 'sha512')]) {
    await mkdir(path, { recursive: true, mode: 0o700 });
  }
  await syncDirectory(paths.blobs);
  await syncDirectory(root.path);
  const dependencies: CollectDependencies = {
    database: root.database,
    lock: createKeyedLock(),
    paths,
    active: new Set(),
    live: new Map(),
    makeRoom: { run: async () => false },
    trash: await openTrash(join(root.path, 'trash')),
  };
  await sweep(dependencies);
  return {
    blobs: createBlobStore(dependencies),
    images: createImageRecords(root.database, dependencies.lock),
    leases: createLeases(dependencies),
    holds: createHolds(root.database),
    deletions: createDeletions(root.database),
    lists: createManifestLists(root.database),
    space: {
      ownership: () => readOwnership(root.database, (lease) => dependencies.live.has(lease)),
      leftovers: () => leftovers(dependencies),
      refetchable: () => readRefetchable(root.database),
      letGo: (digests) => letGoBlobs(dependencies, digests),
      quarantinePlace: (name) => quarantinePlace(root.path, name),
      quarantineBlob: (digest) => quarantineBlob(dependencies, digest),
      strays: () => strayBlobs(dependencies),
      recordFaults: () => recordFaults(dependencies),
      discard: async (path) => void (await dependencies.trash.put(path)),
      whenFull: (run) => void (dependencies.makeRoom.run = run),
      freedBytes: () => dependencies.trash.freedBytes(),
      settled: () => dependencies.trash.settled(),
    },
    collect: (options = {}) => collect(dependencies, options),
  };
};
