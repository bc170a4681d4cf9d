import { existsSync, mkdirSync } from 'node:fs';
import { rmdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { chainIds, hexOf, type DiffId } from '#oci';
import { formName } from './backend.ts';
import { mountErofs } from './erofs-mount.ts';
import { layerErrors } from './errors.ts';
import type { LayerJobs } from './jobs.ts';
import type { LayerFiles } from './layer-files.ts';
import { mountsBelow } from './mount-table.ts';
import { unmount } from './unmount.ts';
import type { LayerRecords } from './records.ts';
import type { BackendName } from './types.ts';

/** One layer's place in a stack. */
interface Part {
  readonly diffId: DiffId;
  /** Names this form of the layer among all. */
  readonly key: string;
  /** Index file or directory. */
  readonly form: string;
  readonly below: readonly DiffId[];
  readonly dependent: boolean;
  /** Index file or directory, and the tar it refers to, are complete but not in their place yet. */
  readonly staging: string | undefined;
}

export interface StackDependencies {
  readonly backend: BackendName;
  readonly files: LayerFiles;
  readonly records: LayerRecords;
  readonly jobs: LayerJobs;
  /** Runs `use` with the merged root of layers, which are ready. */
  readonly withView: (layers: readonly DiffId[], use: (path: string) => Promise<void>) => Promise<void>;
}

/** Turns layers into directories for overlay. Each layer is mounted once and shared by all stacks. */
export interface Stacks {
  /** Makes the forms that a stack needs and that are not there yet. */
  prepare(layers: readonly DiffId[]): Promise<void>;
  /** Directories of a prepared stack, bottom first; mounts what is not mounted. */
  lowers(layers: readonly DiffId[]): readonly string[];
  /** Unmounts all forms of one layer. */
  release(diffId: DiffId): Promise<void>;
  /** Unmounts every form that none of these stacks has. */
  releaseUnused(used: Iterable<readonly DiffId[]>): Promise<void>;
}

const partsOf = (dependencies: StackDependencies, layers: readonly DiffId[]): Part[] => {
  const { files, records, backend } = dependencies;
  let chains: readonly string[] | undefined;
  return layers.map((diffId, index) => {
    const coming = records.coming.get(diffId);
    const record = records.layers.get(diffId) ?? coming;
    if (record === undefined) throw layerErrors.layerNotFound({ diffId });
    const staging = record === coming ? coming?.staging : undefined;
    const { dependent } = record;
    if (dependent) chains ??= chainIds(layers).map(hexOf);
    const chain = dependent ? chains?.[index] : undefined;
    return {
      diffId,
      key: chain ?? hexOf(diffId),
      form: join(files.layer(diffId), formName(backend, chain)),
      below: layers.slice(0, index),
      dependent,
      staging,
    };
  });
};

const makePart = async (dependencies: StackDependencies, part: Part): Promise<void> => {
  const { backend, files, jobs, withView } = dependencies;
  const request = { backend, tarPath: files.tar(part.diffId), target: part.form };
  if (!part.dependent || part.below.length === 0) {
    await jobs.makeForm(request);
    return;
  }
  await withView(part.below, (below) => jobs.makeForm({ ...request, below }));
};

export const createStacks = (dependencies: StackDependencies): Stacks => {
  const { backend, files, records } = dependencies;
  const mounted = new Set(mountsBelow(files.mounts).map(({ target }) => basename(target)));
  const present = new Set<string>();
  const making = new Map<string, Promise<void>>();
  const formsOf = new Map<DiffId, Set<string>>();

  const ensure = async (part: Part): Promise<void> => {
    // What is not in its place yet has been made with its form.
    if (part.staging !== undefined || present.has(part.form)) return;
    if (!existsSync(part.form)) {
      const running =
        making.get(part.form) ?? makePart(dependencies, part).finally(() => making.delete(part.form));
      making.set(part.form, running);
      await running;
    }
    present.add(part.form);
  };
  const lowerOf = (part: Part): string => {
    if (backend === 'directories') return part.form;
    const target = join(files.mounts, part.key);
    if (!mounted.has(part.key)) {
      mkdirSync(target, { recursive: true });
      const { staging } = part;
      if (staging === undefined) mountErofs(part.form, files.tar(part.diffId), target);
      else mountErofs(join(staging, formName(backend)), files.tarIn(staging), target);
      mounted.add(part.key);
    }
    formsOf.set(part.diffId, (formsOf.get(part.diffId) ?? new Set()).add(part.key));
    return target;
  };
  const detach = async (key: string): Promise<void> => {
    if (!mounted.delete(key)) return;
    const target = join(files.mounts, key);
    await unmount(target);
    await rmdir(target).catch(() => undefined);
  };
  return {
    async prepare(layers) {
      for (const part of partsOf(dependencies, layers)) if (!present.has(part.form)) await ensure(part);
    },
    lowers: (layers) => {
      // Overlay refuses a directory twice. Only the upper one of two equal layers shows: it brings all of itself again.
      const parts = new Map(
        partsOf(dependencies, layers)
          .toReversed()
          .map((part) => [part.form, part]),
      );
      const distinct = new Map([...parts].toReversed());
      return [...distinct.values()].map(lowerOf);
    },
    async release(diffId) {
      const keys = new Set([hexOf(diffId), ...(formsOf.get(diffId) ?? [])]);
      for (const key of keys) await detach(key);
      const own = `${files.layer(diffId)}/`;
      for (const form of present) if (form.startsWith(own)) present.delete(form);
      formsOf.delete(diffId);
    },
    async releaseUnused(used) {
      const wanted = new Set<string>();
      for (const layers of used) {
        if (!layers.every((diffId) => records.layers.has(diffId))) continue;
        for (const part of partsOf(dependencies, layers)) wanted.add(part.key);
      }
      for (const key of mounted) if (!wanted.has(key)) await detach(key);
    },
  };
};
