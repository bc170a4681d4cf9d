import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { LayerStore } from '#layers';
import { mountInfo, removeTree, umountAsync } from '#sys';

/** Where builds keep what they need while they run, below the root. */
export const scratchOf = (root: string): string => join(root, 'builds');

const namesIn = (directory: string): Promise<readonly string[]> => readdir(directory).catch(() => []);

const snapshotsOf = (layers: LayerStore) =>
  layers.snapshots().filter((snapshot) => snapshot.kind === 'build');

/** Whether a killed process left files or snapshots of builds; a new builder removes them. */
export const hasLeftovers = async (root: string, layers: LayerStore): Promise<boolean> =>
  snapshotsOf(layers).length > 0 || (await namesIn(scratchOf(root))).length > 0;

/** The kernel writes spaces and the like as octal numbers. */
const unescaped = (path: string): string =>
  path.replaceAll(/\\([0-7]{3})/gu, (_, digits: string) => String.fromCodePoint(Number.parseInt(digits, 8)));

/** Detaches what a killed step had mounted for itself: secrets, parts of caches. The innermost first. */
const unmountBelow = async (directory: string): Promise<void> => {
  const targets = mountInfo()
    .split('\n')
    .map((line) => unescaped(line.split(' ')[4] ?? ''));
  for (const target of targets.filter((each) => each.startsWith(`${directory}/`)).toReversed())
    await umountAsync(target, { detach: true });
};

/** Removes the files and snapshots of builds that a killed process left. */
export const removeLeftovers = async (root: string, layers: LayerStore): Promise<void> => {
  const scratch = scratchOf(root);
  for (const snapshot of snapshotsOf(layers)) await snapshot.remove();
  const names = await namesIn(scratch);
  if (names.length > 0) await unmountBelow(scratch);
  await Promise.all(names.map((name) => removeTree(join(scratch, name))));
};
