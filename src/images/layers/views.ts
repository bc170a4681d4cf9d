import { randomUUID } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { DiffId } from '#oci';
import { umountAsync } from '#sys';
import { MAX_LOWERS, mountOverlay } from './overlay.ts';
import { copyRootAttributes, rootReference } from './root-attributes.ts';
import type { LayersView } from './types.ts';

/** Names of view mounts; they never outlive the process, so a sweep unmounts them. */
export const VIEW_PREFIX = 'view-';

export interface ViewDependencies {
  /** Folder for mount points. */
  readonly mounts: string;
  readonly empty: string;
  readonly lowers: (layers: readonly DiffId[]) => readonly string[];
}

/**
 * Overlay shows the root of the topmost directory. Where that is a layer that does not name its root, an empty one with
 * the right attributes comes above it: the mount point itself.
 */
const withRoot = (lowers: readonly string[], path: string): readonly string[] => {
  if (rootReference(lowers) === lowers.at(-1) || lowers.length >= MAX_LOWERS) return lowers;
  copyRootAttributes(path, lowers);
  return [...lowers, path];
};

/** A merged read-only root of prepared layers. One layer needs no overlay: it is seen where it is mounted. */
export const openView = (dependencies: ViewDependencies, layers: readonly DiffId[]): LayersView => {
  const { mounts, empty } = dependencies;
  const lowers = dependencies.lowers(layers);
  const [first, second] = lowers;
  if (second === undefined) return { path: first ?? empty, [Symbol.asyncDispose]: () => Promise.resolve() };
  const path = join(mounts, `${VIEW_PREFIX}${randomUUID()}`);
  mkdirSync(path);
  mountOverlay({ lowers: withRoot(lowers, path), target: path });
  return {
    path,
    async [Symbol.asyncDispose]() {
      // Nothing was written, so nothing is written back.
      await umountAsync(path, { detach: true });
      await rmdir(path);
    },
  };
};
