import { chmodSync, existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { randomUUID } from 'node:crypto';
import { span } from '#events';
import { chainIds, hexOf, type DiffId } from '#oci';
import { removeTree } from '#sys';
import { adopt, diffIdOf, withStaging, type Core } from './adopt.ts';
import { formName } from './backend.ts';
import { COMMITTED_FORM, type CommitRequest } from './commit-job.ts';
import { layerErrors } from './errors.ts';
import { STAGING_PREFIX, type LayerFiles } from './layer-files.ts';
import { mountsBelow } from './mount-table.ts';
import { unmount } from './unmount.ts';
import { mountOverlay } from './overlay.ts';
import type { SnapshotRecord } from './records.ts';
import { copyRootAttributes, rootReference } from './root-attributes.ts';
import type { Stacks } from './stacks.ts';
import type { StoredTar } from './unpack-job.ts';
import type {
  ChangesOptions,
  CommitOptions,
  LayerInfo,
  LayersView,
  Snapshot,
  SnapshotRequest,
} from './types.ts';

export interface SnapshotDependencies {
  readonly core: Core;
  readonly stacks: Stacks;
  readonly view: (layers: readonly DiffId[]) => Promise<LayersView>;
}

const SNAPSHOT_ID = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/;
const NS_PER_MS = 1_000_000n;

interface Paths {
  readonly own: string;
  readonly upper: string;
  readonly work: string;
  readonly merged: string;
}

const pathsOf = (files: LayerFiles, id: string): Paths => {
  const own = files.snapshot(id);
  return { own, upper: join(own, 'upper'), work: join(own, 'work'), merged: join(own, 'merged') };
};

const makeDirectories = (paths: Paths, lowers: readonly string[]): void => {
  mkdirSync(paths.own, { mode: 0o711 });
  for (const path of [paths.upper, paths.work, paths.merged]) mkdirSync(path, { mode: 0o755 });
  chmodSync(paths.upper, 0o755);
  copyRootAttributes(paths.upper, lowers);
};

/** All snapshots of a root and which of them are mounted. */
export interface Snapshots {
  create(request: SnapshotRequest): Promise<Snapshot>;
  get(id: string): Snapshot | undefined;
  list(): readonly Snapshot[];
}

/** What the methods of one snapshot share. */
interface Handle {
  readonly dependencies: SnapshotDependencies;
  readonly record: SnapshotRecord;
  readonly paths: Paths;
  readonly mounted: Set<string>;
  /** Those that need not survive a crash. Forgotten with this process, and the next one takes more care. */
  readonly ephemeral: Set<string>;
}

/** The kernel marks what was mounted volatile and mounts it no second time, unless somebody says that it may. */
const forgetVolatile = (work: string): void => {
  const own = join(work, 'work');
  if (existsSync(join(own, 'incompat', 'volatile'))) rmSync(own, { recursive: true });
};

const mountSnapshot = async (handle: Handle): Promise<string> => {
  const { dependencies, record, paths, mounted, ephemeral } = handle;
  if (mounted.has(record.id)) return paths.merged;
  const { stacks, core } = dependencies;
  await stacks.prepare(record.layers);
  if (mounted.has(record.id)) return paths.merged;
  const lowers = stacks.lowers(record.layers);
  const volatile = record.kind === 'build' || ephemeral.has(record.id);
  forgetVolatile(paths.work);
  mountOverlay({
    lowers: lowers.length === 0 ? [core.files.empty] : lowers,
    writable: { upper: paths.upper, work: paths.work, volatile },
    target: paths.merged,
  });
  mounted.add(record.id);
  return paths.merged;
};

const unmountSnapshot = async (handle: Handle): Promise<void> => {
  const { record, paths, mounted } = handle;
  if (mounted.delete(record.id)) await unmount(paths.merged);
};

const withLower = async <T>(handle: Handle, use: (lower: string) => Promise<T>): Promise<T> => {
  await using view = await handle.dependencies.view(handle.record.layers);
  return await use(view.path);
};

const changesOf = (handle: Handle, options: ChangesOptions): ReturnType<Snapshot['changes']> =>
  withLower(handle, (lower) =>
    handle.dependencies.core.jobs.changes(
      { upper: handle.paths.upper, lower, ignore: options.ignore ?? [] },
      options.signal,
    ),
  );

const committedName = (handle: Handle, stored: StoredTar): string => {
  const { backend } = handle.dependencies.core;
  if (!stored.dependent) return formName(backend);
  const chain = chainIds([...handle.record.layers, diffIdOf(stored)]).at(-1);
  return formName(backend, chain === undefined ? undefined : hexOf(chain));
};

const commitInto = (
  handle: Handle,
  staging: string,
  { clampTo, ignore = [], signal }: CommitOptions,
): Promise<StoredTar | undefined> =>
  withLower(handle, (lower) => {
    const { core, stacks } = handle.dependencies;
    const { layers } = handle.record;
    const request: CommitRequest = {
      upper: handle.paths.upper,
      lower,
      ignore,
      backend: core.backend,
      staging,
      hasLayers: layers.length > 0,
      rootReference: rootReference(stacks.lowers(layers)) ?? core.files.empty,
      clampToNs: clampTo === undefined ? undefined : BigInt(clampTo.getTime()) * NS_PER_MS,
    };
    return core.jobs.commit(request, signal);
  });

const commitSnapshot = async (handle: Handle, options: CommitOptions): Promise<LayerInfo | undefined> => {
  const { core } = handle.dependencies;
  return await withStaging(core, async (staging) => {
    const stored = await commitInto(handle, staging, options);
    if (stored === undefined) return undefined;
    renameSync(join(staging, COMMITTED_FORM), join(staging, committedName(handle, stored)));
    return await adopt(core, staging, { ...stored, lease: options.lease });
  });
};

const removeSnapshot = async (handle: Handle): Promise<void> => {
  const { dependencies, record, paths } = handle;
  await unmountSnapshot(handle);
  handle.ephemeral.delete(record.id);
  // The files first: on a full disk the database needs the space that they take.
  const leaving = join(dependencies.core.files.snapshots, `${STAGING_PREFIX}${randomUUID()}`);
  if (existsSync(paths.own)) renameSync(paths.own, leaving);
  await removeTree(leaving);
  await dependencies.core.records.deleteSnapshot(record.id);
};

const snapshotOf = (handle: Handle): Snapshot => {
  const { record, paths, mounted } = handle;
  return {
    id: record.id,
    kind: record.kind,
    layers: record.layers,
    upperPath: paths.upper,
    mergedPath: paths.merged,
    get mounted() {
      return mounted.has(record.id);
    },
    mount: () => span('mount snapshot', record.id, () => mountSnapshot(handle)),
    unmount: () => unmountSnapshot(handle),
    changes: (options = {}) => changesOf(handle, options),
    commit: (options = {}) => span('commit', record.id, () => commitSnapshot(handle, options)),
    usage: async () => ({ bytes: await handle.dependencies.core.jobs.usage({ path: paths.upper }) }),
    remove: () => span('remove snapshot', record.id, () => removeSnapshot(handle)),
  };
};

/** Takes over what is mounted already, for instance by a process that was killed. */
export const createSnapshots = (dependencies: SnapshotDependencies): Snapshots => {
  const { core, stacks } = dependencies;
  const { files, records } = core;
  const targets = new Set(mountsBelow(files.snapshots).map(({ target }) => target));
  const ids = [...records.snapshots.keys()].filter((id) => targets.has(pathsOf(files, id).merged));
  const mounted = new Set(ids);
  const ephemeral = new Set<string>();
  const open = (record: SnapshotRecord): Snapshot =>
    snapshotOf({ dependencies, record, paths: pathsOf(files, record.id), mounted, ephemeral });
  return {
    async create({ id, kind, layers, ...request }) {
      if (!SNAPSHOT_ID.test(id)) throw layerErrors.badSnapshotId({ id });
      if (records.snapshots.has(id)) throw layerErrors.snapshotExists({ id });
      const record: SnapshotRecord = { id, kind, layers };
      // What is recorded stands on what is in its place.
      for (const diffId of layers) await records.coming.get(diffId)?.placed;
      await stacks.prepare(layers);
      const paths = pathsOf(files, id);
      core.busy.add(paths.own);
      try {
        makeDirectories(paths, stacks.lowers(layers));
        await records.addSnapshot(record);
        if (request.ephemeral === true) ephemeral.add(id);
      } catch (error) {
        rmSync(paths.own, { recursive: true, force: true });
        throw error;
      } finally {
        core.busy.delete(paths.own);
      }
      return open(record);
    },
    get(id) {
      const record = records.snapshots.get(id);
      return record === undefined ? undefined : open(record);
    },
    list: () => [...records.snapshots.values()].map(open),
  };
};
