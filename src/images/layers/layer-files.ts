import { randomUUID } from 'node:crypto';
import { chmodSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { hexOf, type DiffId } from '#oci';

/** Names that a sweep may delete. */
export const STAGING_PREFIX = '.tmp-';

/** Where this room keeps its files below the root directory. */
export interface LayerFiles {
  readonly layers: string;
  readonly mounts: string;
  readonly snapshots: string;
  /** An empty directory, the lowest part of a stack without layers. */
  readonly empty: string;
  layer(diffId: DiffId): string;
  tar(diffId: DiffId): string;
  /** The tar of a layer that lies in this directory. */
  tarIn(directory: string): string;
  snapshot(id: string): string;
  /** A new directory that a sweep deletes; it becomes a layer by being renamed. */
  stage(): string;
}

export const createLayerFiles = (root: string): LayerFiles => {
  const layers = join(root, 'layers');
  const mounts = join(root, 'mounts');
  const snapshots = join(root, 'snapshots');
  const empty = join(mounts, 'empty');
  for (const path of [layers, mounts, snapshots, empty]) mkdirSync(path, { recursive: true, mode: 0o711 });
  // A snapshot without layers begins with the attributes of this directory.
  chmodSync(empty, 0o755);
  const layer = (diffId: DiffId): string => join(layers, hexOf(diffId));
  const tarIn = (directory: string): string => join(directory, 'layer.tar');
  return {
    layers,
    mounts,
    snapshots,
    empty,
    layer,
    tar: (diffId) => tarIn(layer(diffId)),
    tarIn,
    snapshot: (id) => join(snapshots, id),
    stage() {
      const path = join(layers, `${STAGING_PREFIX}${randomUUID()}`);
      mkdirSync(path, { mode: 0o711 });
      return path;
    },
  };
};
