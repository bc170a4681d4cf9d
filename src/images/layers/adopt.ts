import { execFile } from 'node:child_process';
import { closeSync, existsSync, fsync, openSync, readdirSync, renameSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { span } from '#events';
import { asDiffId, digestOf, type DiffId } from '#oci';
import { removeTree } from '#sys';
import { createSharedSync } from './shared-sync.ts';
import type { LayerJobs } from './jobs.ts';
import type { LayerFiles } from './layer-files.ts';
import type { LayerRecord, LayerRecords } from './records.ts';
import type { StoredTar } from './unpack-job.ts';
import type { BackendName, LayerInfo, LayerLease } from './types.ts';

const run = promisify(execFile);
const writeBack = promisify(fsync);

/** What all operations of an open store share. */
export interface Core {
  readonly backend: BackendName;
  readonly files: LayerFiles;
  readonly records: LayerRecords;
  readonly jobs: LayerJobs;
  /** Directories that are not yet in the records; a sweep leaves them alone. */
  readonly busy: Set<string>;
  /** Layers being put in place, so that two equal ones do not collide. */
  readonly adopting: Map<DiffId, Promise<LayerInfo>>;
  /** Writes back the names in the directory of all layers. */
  readonly syncLayers: () => Promise<void>;
  /** Asked when the disk is full; whether there is room now. */
  readonly makeRoom: { run: () => Promise<boolean> };
}

/** Writes back a file, or the names in a directory. Only that is left to the pool, whose threads are few. */
export const syncPath = async (path: string): Promise<void> => {
  const fd = openSync(path, 'r');
  try {
    await writeBack(fd);
  } finally {
    closeSync(fd);
  }
};

export const infoOf = (core: Core, diffId: DiffId): LayerInfo | undefined => {
  const record = core.records.layers.get(diffId);
  return record === undefined ? undefined : { diffId, size: record.size };
};

/** Writes back all that a new layer consists of. A file system that keeps it as many files is synchronised whole. */
export const syncStaging = async (core: Core, staging: string): Promise<void> => {
  if (core.backend === 'directories') {
    await run('sync', ['-f', staging]);
    return;
  }
  await Promise.all(readdirSync(staging).map((name) => syncPath(join(staging, name))));
  await syncPath(staging);
};

/** Told when a layer can be built on, which is before it is recorded. */
export type OnUsable = (info: LayerInfo) => void;

/** The write of a directory's names that all layers share which come into it. */
export const syncLayersOf = (files: LayerFiles): (() => Promise<void>) =>
  createSharedSync(() => syncPath(files.layers));

type Placed = LayerRecord & { readonly protecting: Promise<void> | undefined };

/** Moves a durable layer into its place. In one turn with what `coming` says of it, so that nobody looks in between. */
const moveIn = async (core: Core, staging: string, layer: LayerRecord): Promise<void> => {
  const target = core.files.layer(layer.diffId);
  if (existsSync(target)) await removeTree(target);
  renameSync(staging, target);
  if (core.records.coming.has(layer.diffId)) core.records.expectLayer(layer);
  await core.syncLayers();
};

/**
 * Lets a layer be built on while it is being made durable. One that has no form of its own yet, or whose form is a
 * directory that others would see moving, waits for its place.
 */
const mayBeSeenStaged = (core: Core, layer: LayerRecord, onUsable: OnUsable | undefined): boolean =>
  onUsable !== undefined && core.backend === 'erofs' && !layer.dependent;

const place = async (
  core: Core,
  staging: string,
  record: Placed,
  onUsable: OnUsable | undefined,
): Promise<LayerInfo> => {
  const { protecting, ...layer } = record;
  const { diffId, size } = layer;
  const target = core.files.layer(diffId);
  const durable = span('make layer durable', diffId, () => syncStaging(core, staging));
  const inPlace = Promise.withResolvers<undefined>();
  inPlace.promise.catch(() => undefined);
  if (mayBeSeenStaged(core, layer, onUsable)) {
    core.records.expectLayer({ ...layer, staging, placed: inPlace.promise });
    onUsable?.({ diffId, size });
  }
  try {
    // What is recorded and not protected may be collected at once.
    await Promise.all([durable, protecting]);
    core.busy.add(target);
    await moveIn(core, staging, layer);
    const recording = core.records.addLayer(layer);
    inPlace.resolve(undefined);
    onUsable?.({ diffId, size });
    await recording;
  } catch (error) {
    inPlace.reject(error);
    core.records.giveUpLayer(diffId);
    // Without a record it is no layer; where it was staged, it is cleared away.
    await rename(target, staging).catch(() => undefined);
    throw error;
  } finally {
    core.busy.delete(target);
  }
  return { diffId, size };
};

export const diffIdOf = (stored: StoredTar): DiffId => asDiffId(digestOf(stored.algorithm, stored.hex));

/** Makes a staging directory a layer; a layer that exists already wins. */
export const adopt = async (
  core: Core,
  staging: string,
  stored: StoredTar & {
    readonly lease?: LayerLease | undefined;
    readonly onUsable?: OnUsable | undefined;
  },
): Promise<LayerInfo> => {
  const diffId = diffIdOf(stored);
  const protecting = stored.lease?.protect('layer', diffId);
  if (core.adopting.has(diffId) || infoOf(core, diffId) !== undefined) {
    await protecting;
    const pending = core.adopting.get(diffId);
    if (pending !== undefined) return await pending;
    const known = infoOf(core, diffId);
    if (known !== undefined) return known;
  }
  const { size, dependent } = stored;
  const placing = place(core, staging, { diffId, size, dependent, protecting }, stored.onUsable).finally(() =>
    core.adopting.delete(diffId),
  );
  core.adopting.set(diffId, placing);
  return await placing;
};

/** Gives `use` a staging directory that is gone afterwards unless it became a layer. */
export const withStaging = async <T>(core: Core, use: (staging: string) => Promise<T>): Promise<T> => {
  const staging = core.files.stage();
  core.busy.add(staging);
  try {
    return await use(staging);
  } finally {
    core.busy.delete(staging);
    // A job that was given up ends a little later, and may still make files.
    await removeTree(staging, { patient: true });
  }
};

/** Makes a layer of what `make` leaves in its staging directory. */
export const staged = (
  core: Core,
  make: (staging: string) => Promise<StoredTar>,
  lease: LayerLease | undefined,
  onUsable?: OnUsable,
): Promise<LayerInfo> =>
  withStaging(core, async (staging) => adopt(core, staging, { ...(await make(staging)), lease, onUsable }));
