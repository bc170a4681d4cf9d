import { readdir, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { hexOf } from '#oci';
import { removeTree } from '#sys';
import type { LayerFiles } from './layer-files.ts';
import { mountsBelow } from './mount-table.ts';
import { unmount } from './unmount.ts';
import type { LayerRecords } from './records.ts';
import { VIEW_PREFIX } from './views.ts';

export interface SweepDependencies {
  readonly files: LayerFiles;
  readonly records: LayerRecords;
  /** Directories that a job of this process is using. */
  readonly busy: ReadonlySet<string>;
}

const removeUnknown = async (
  folder: string,
  known: ReadonlySet<string>,
  busy: ReadonlySet<string>,
): Promise<void> => {
  for (const name of await readdir(folder)) {
    const path = join(folder, name);
    if (!known.has(name) && !busy.has(path)) await removeTree(path);
  }
};

/** Mounts of snapshots that have no record, and views, which end with their process. */
const unmountStale = async ({ files, records }: SweepDependencies): Promise<void> => {
  for (const { target } of mountsBelow(files.snapshots)) {
    const id = target.slice(files.snapshots.length + 1).split('/')[0] ?? '';
    if (!records.snapshots.has(id)) await unmount(target);
  }
};

/** Ends views that a killed process left. Only right while this process has none. */
export const endOldViews = async (files: LayerFiles): Promise<void> => {
  const prefix = join(files.mounts, VIEW_PREFIX);
  for (const { target } of mountsBelow(files.mounts)) if (target.startsWith(prefix)) await unmount(target);
  for (const name of await readdir(files.mounts))
    if (name.startsWith(VIEW_PREFIX)) await rmdir(join(files.mounts, name)).catch(() => undefined);
};

/** Forgets records whose files are gone, and deletes files without a record. */
export const sweepLeftovers = async (dependencies: SweepDependencies): Promise<void> => {
  const { files, records, busy } = dependencies;
  await unmountStale(dependencies);
  const layers = new Set(await readdir(files.layers));
  for (const diffId of records.layers.keys())
    if (!layers.has(hexOf(diffId))) await records.deleteLayer(diffId);
  const snapshots = new Set(await readdir(files.snapshots));
  for (const id of records.snapshots.keys()) if (!snapshots.has(id)) await records.deleteSnapshot(id);
  await removeUnknown(files.layers, new Set([...records.layers.keys()].map(hexOf)), busy);
  await removeUnknown(files.snapshots, new Set(records.snapshots.keys()), busy);
};
