import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { LayerStore } from '#layers';

/** Where builds keep what they need while they run, below the root. */
export const scratchOf = (root: string): string => join(root, 'builds');

const namesIn = (directory: string): Promise<readonly string[]> => readdir(directory).catch(() => []);

const snapshotsOf = (layers: LayerStore) =>
  layers.snapshots().filter((snapshot) => snapshot.kind === 'build');

/** Whether a killed process left files or snapshots of builds; a new builder removes them. */
export const hasLeftovers = async (root: string, layers: LayerStore): Promise<boolean> =>
  snapshotsOf(layers).length > 0 || (await namesIn(scratchOf(root))).length > 0;

/** Removes the files and snapshots of builds that a killed process left. */
export const removeLeftovers = async (root: string, layers: LayerStore): Promise<void> => {
  const scratch = scratchOf(root);
  for (const snapshot of snapshotsOf(layers)) await snapshot.remove();
  const names = await namesIn(scratch);
  await Promise.all(names.map((name) => rm(join(scratch, name), { recursive: true, force: true })));
};
