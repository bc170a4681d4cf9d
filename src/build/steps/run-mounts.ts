import { createHash } from 'node:crypto';
import { chmodSync, chownSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RunMount } from '#dockerfile';
import type { LayerStore } from '#layers';
import type { DiffId } from '#oci';
import type { MountInput } from '#runtime';
import { stepsErrors } from './errors.ts';
import type { RunOperation } from './operations.ts';
import { sourcesErrors, locate } from '#sources';
import type { StepPlace } from './run-copy.ts';

type Of<K extends RunMount['kind']> = RunMount & { readonly kind: K };

/** One queue for each cache that only one step may use at a time. */
export interface CacheDirectories {
  /** Makes the cache directory if need be and waits until this step may use it. */
  take(mount: Of<'cache'>): Promise<{ readonly path: string; readonly release: () => void }>;
}

const MAX_PRIVATE = 64;

/** Cache mounts live below `directory` as long as nobody prunes them. */
export const createCacheDirectories = (directory: string): CacheDirectories => {
  const busy = new Map<string, Promise<void>>();
  const pathOf = (id: string): string =>
    join(directory, createHash('sha256').update(id).digest('hex').slice(0, 32));
  const make = (path: string, mount: Of<'cache'>): void => {
    const made = mkdirSync(path, { recursive: true, mode: 0o755 });
    if (made === undefined) return;
    chmodSync(path, mount.mode);
    chownSync(path, mount.uid, mount.gid);
  };
  const hold = (id: string): (() => void) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    busy.set(id, promise);
    return () => {
      busy.delete(id);
      resolve();
    };
  };
  return {
    async take(mount) {
      let id = mount.id;
      if (mount.sharing === 'locked') for (let held = busy.get(id); held; held = busy.get(id)) await held;
      if (mount.sharing === 'private') {
        for (let number = 1; busy.has(id) && number < MAX_PRIVATE; number += 1) id = `${mount.id}#${number}`;
      }
      const path = pathOf(id);
      const release = mount.sharing === 'shared' ? () => undefined : hold(id);
      make(path, mount);
      return { path, release };
    },
  };
};

export interface MountRequest {
  readonly operation: RunOperation;
  readonly layers: LayerStore;
  readonly caches: CacheDirectories;
  /** Private directory of the step. */
  readonly directory: string;
  readonly id: string;
  /** Layers of what a bind mount shows: a stage, an image or, packed as a layer, the context. */
  readonly bindLayers: (mount: Of<'bind'>) => readonly DiffId[];
  readonly secrets: Readonly<Record<string, Uint8Array>>;
  readonly place: StepPlace;
}

interface StepMounts extends AsyncDisposable {
  readonly mounts: readonly MountInput[];
  readonly env: ReadonlyMap<string, string>;
}

const secretFile = (
  request: MountRequest,
  mount: Of<'secret'>,
  bytes: Uint8Array,
  target: string,
): MountInput => {
  const source = join(
    request.directory,
    `secret-${createHash('sha256').update(target).digest('hex').slice(0, 16)}`,
  );
  writeFileSync(source, bytes, { mode: 0o400 });
  chownSync(source, mount.uid, mount.gid);
  chmodSync(source, mount.mode);
  return { kind: 'bind', source, target, readonly: true };
};

const addSecret = (
  request: MountRequest,
  mount: Of<'secret'>,
  into: { mounts: MountInput[]; env: Map<string, string> },
): void => {
  const bytes = Object.hasOwn(request.secrets, mount.id) ? request.secrets[mount.id] : undefined;
  if (bytes === undefined) {
    if (mount.required) throw stepsErrors.missingSecret({ id: mount.id, ...request.place });
    return;
  }
  if (mount.env !== undefined) into.env.set(mount.env, Buffer.from(bytes).toString('utf8'));
  if (mount.target !== undefined) into.mounts.push(secretFile(request, mount, bytes, mount.target));
};

/** Shows files of other layers; a writable mount loses what is written to it. */
const addBind = async (
  request: MountRequest,
  mount: Of<'bind'>,
  index: number,
  stack: AsyncDisposableStack,
): Promise<MountInput> => {
  const below = request.bindLayers(mount);
  const snapshot = await request.layers.createSnapshot({
    id: `${request.id}-bind${index}`,
    layers: below,
    kind: 'build',
  });
  stack.defer(() => snapshot.remove());
  const root = await snapshot.mount();
  const found = locate(root, mount.source);
  if (found.stats === undefined) {
    const where = mount.from ?? 'the build context';
    throw sourcesErrors.sourceNotFound({ source: mount.source, where, ...request.place });
  }
  const source = found.path === '' ? root : `${root}/${found.path}`;
  return { kind: 'bind', source, target: mount.target, readonly: !mount.writable };
};

/** Makes everything ready that the `--mount` flags of a RUN step ask for. */
export const openMounts = async (request: MountRequest): Promise<StepMounts> => {
  await using stack = new AsyncDisposableStack();
  const into = { mounts: [] as MountInput[], env: new Map<string, string>() };
  for (const [index, mount] of request.operation.mounts.entries()) {
    if (mount.kind === 'bind') into.mounts.push(await addBind(request, mount, index, stack));
    else if (mount.kind === 'secret') addSecret(request, mount, into);
    else if (mount.kind === 'tmpfs') {
      const size = mount.sizeBytes === undefined ? [] : [`size=${mount.sizeBytes}`];
      into.mounts.push({ kind: 'tmpfs', target: mount.target, options: ['exec', ...size] });
    } else if (mount.kind === 'cache') {
      if (mount.from !== undefined) {
        throw stepsErrors.notSupported({ what: 'RUN --mount=type=cache,from=', ...request.place });
      }
      const { path, release } = await request.caches.take(mount);
      stack.defer(release);
      into.mounts.push({ kind: 'bind', source: path, target: mount.target, readonly: mount.readonly });
    }
  }
  const kept = stack.move();
  return { ...into, [Symbol.asyncDispose]: () => kept.disposeAsync() };
};
