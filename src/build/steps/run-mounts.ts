import { createHash } from 'node:crypto';
import { closeSync, constants, mkdirSync, rmdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Place, RunMount } from '#dockerfile';
import type { LayerStore } from '#layers';
import type { DiffId } from '#oci';
import type { MountInput } from '#runtime';
import { locate, sourcesErrors } from '#sources';
import { mount as mountAt, MS, openInRoot, umount } from '#sys';
import { openAgentSocket } from './agent-sockets.ts';
import type { CacheAsk, CacheMounts } from './cache-mounts.ts';
import { copyTree } from './copy-tree.ts';
import { stepsErrors } from './errors.ts';
import type { RunOperation } from './operations.ts';
import { openSecretFiles, type SecretFiles } from './secret-files.ts';

type Of<K extends RunMount['kind']> = RunMount & { readonly kind: K };
/** A mount that shows files of layers: a stage, an image or, packed as a layer, the context. */
export type LayeredMount = Of<'bind'> | Of<'cache'>;

export interface MountRequest {
  readonly operation: RunOperation;
  readonly layers: LayerStore;
  readonly caches: CacheMounts;
  /** Before the names of caches (`BUILDKIT_CACHE_MOUNT_NS`). */
  readonly cacheNamespace: string | undefined;
  /** Private directory of the step. */
  readonly directory: string;
  readonly id: string;
  readonly layersOf: (mount: LayeredMount) => readonly DiffId[];
  readonly secrets: Readonly<Record<string, Uint8Array>>;
  readonly ssh: Readonly<Record<string, { readonly socket: string }>>;
  readonly place: Place;
  readonly signal: AbortSignal;
}

interface StepMounts extends AsyncDisposable {
  readonly mounts: readonly MountInput[];
  readonly env: ReadonlyMap<string, string>;
  /** Contents of secrets that the step sees. */
  readonly secrets: readonly Uint8Array[];
}

/** What is collected while mounts are made ready, and what ends with them. */
interface Opening {
  readonly request: MountRequest;
  readonly stack: AsyncDisposableStack;
  readonly files: SecretFiles;
  readonly mounts: MountInput[];
  readonly env: Map<string, string>;
  readonly secrets: Uint8Array[];
}

const addSecret = ({ request, files, mounts, env, secrets }: Opening, mount: Of<'secret'>): void => {
  const bytes = Object.hasOwn(request.secrets, mount.id) ? request.secrets[mount.id] : undefined;
  if (bytes === undefined) {
    if (mount.required) throw stepsErrors.missingSecret({ id: mount.id, ...request.place });
    return;
  }
  secrets.push(bytes);
  if (mount.env !== undefined) env.set(mount.env, Buffer.from(bytes).toString('utf8'));
  if (mount.target === undefined) return;
  const source = files.write(mount.target, bytes, mount);
  mounts.push({ kind: 'bind', source, target: mount.target, readonly: true, inert: true });
};

/** Whether an agent listens there; a socket that nobody listens at says so when a step asks it. */
const isSocket = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isSocket() === true;

const addAgent = async (opening: Opening, mount: Of<'ssh'>, number: number): Promise<void> => {
  const { request, stack, mounts, env } = opening;
  const target = mount.target ?? `/run/buildkit/ssh_agent.${number}`;
  if (number === 0 && !request.operation.env.has('SSH_AUTH_SOCK')) env.set('SSH_AUTH_SOCK', target);
  const agent = Object.hasOwn(request.ssh, mount.id) ? request.ssh[mount.id] : undefined;
  if (agent === undefined) {
    if (mount.required) throw stepsErrors.missingAgent({ id: mount.id, ...request.place });
    return;
  }
  if (!isSocket(agent.socket))
    throw stepsErrors.agentUnreachable({ id: mount.id, socket: agent.socket, ...request.place });
  const relay = await openAgentSocket(join(request.directory, `ssh-${number}`), agent.socket, mount);
  stack.use(relay);
  mounts.push({ kind: 'bind', source: relay.path, target, readonly: true });
};

const notFound = (request: MountRequest, mount: LayeredMount): Error =>
  sourcesErrors.sourceNotFound({
    source: mount.source,
    where: mount.from ?? 'the build context',
    ...request.place,
  });

/** Shows files of other layers; a writable mount loses what is written to it. Nobody else sees its snapshot. */
const addBind = async ({ request, stack, mounts }: Opening, mount: Of<'bind'>): Promise<void> => {
  const snapshot = await request.layers.createSnapshot({
    id: `${request.id}-bind${mounts.length}`,
    layers: request.layersOf(mount),
    kind: 'build',
  });
  stack.defer(() => snapshot.remove());
  const root = await snapshot.mount();
  const found = locate(root, mount.source);
  if (found.stats === undefined) throw notFound(request, mount);
  const source = found.path === '' ? root : `${root}/${found.path}`;
  mounts.push({ kind: 'bind', source, target: mount.target, readonly: !mount.writable });
};

const isBelow = (path: string, directory: string): boolean => path.startsWith(`${directory}/`);

/** What a cache begins with where `from` says so. */
const seedOf = (request: MountRequest, mount: Of<'cache'>): CacheAsk['seed'] => {
  if (mount.from === undefined) return undefined;
  const layers = request.layersOf(mount);
  const text = JSON.stringify([layers, mount.source]);
  return {
    key: createHash('sha256').update(text).digest('hex'),
    fill: async (directory) => {
      await using view = await request.layers.mountReadOnly(layers);
      const found = locate(view.path, mount.source);
      if (found.stats?.isDirectory() !== true) throw notFound(request, mount);
      await copyTree(found.path === '' ? view.path : `${view.path}/${found.path}`, directory, request.signal);
    },
  };
};

const askFor = (request: MountRequest, mount: Of<'cache'>): CacheAsk => {
  const { sharing, mode, uid, gid, target } = mount;
  const { cacheNamespace: namespace, operation } = request;
  // The runtime makes mount points inside a cache: nobody else may put links there meanwhile.
  const alone = operation.mounts.some((other) => other.target !== undefined && isBelow(other.target, target));
  const id = namespace === undefined ? mount.id : `${namespace}/${mount.id}`;
  return { id, sharing, alone, mode, uid, gid, seed: seedOf(request, mount) };
};

const DIRECTORY = constants.O_RDONLY | constants.O_DIRECTORY;

/**
 * Binds a directory inside a cache to a place that only this process can change. Other steps may write to the cache
 * meanwhile: it is opened so that no link leads out, and bound by its descriptor.
 */
const bindInside = (opening: Opening, mount: Of<'cache'>, cache: string): string => {
  const { request, stack, mounts } = opening;
  let fd: number;
  try {
    fd = openInRoot(cache, mount.source, { flags: DIRECTORY });
  } catch (error) {
    throw stepsErrors.cacheSourceMissing({ id: mount.id, source: mount.source, ...request.place }, error);
  }
  // Beside the step's own directory, which is deleted with all that is seen in it.
  const place = `${request.directory}-cache-${mounts.length}`;
  try {
    mkdirSync(place, { mode: 0o700 });
    mountAt(`/proc/self/fd/${fd}`, place, undefined, MS.BIND);
    stack.defer(() => {
      umount(place, { detach: true });
      rmdirSync(place);
    });
    mountAt('none', place, undefined, MS.PRIVATE);
  } finally {
    closeSync(fd);
  }
  return place;
};

const addCaches = async (opening: Opening): Promise<void> => {
  const { request, stack, mounts } = opening;
  const wanted = request.operation.mounts.filter((mount) => mount.kind === 'cache');
  if (wanted.length === 0) return;
  const taken = await request.caches.take(
    wanted.map((mount) => askFor(request, mount)),
    request.signal,
  );
  stack.use(taken);
  for (const [index, mount] of wanted.entries()) {
    const cache = taken.paths[index] ?? '';
    const whole = mount.from !== undefined || mount.source === '/' || mount.source === '';
    const source = whole ? cache : bindInside(opening, mount, cache);
    mounts.push({ kind: 'bind', source, target: mount.target, readonly: mount.readonly });
  }
};

const tmpfsOf = ({ target, sizeBytes }: Of<'tmpfs'>): MountInput => {
  const size = sizeBytes === undefined ? [] : [`size=${sizeBytes}`];
  return { kind: 'tmpfs', target, options: ['exec', 'dev', ...size] };
};

const refuseRoot = ({ operation, place }: MountRequest): void => {
  if (operation.mounts.some(({ target }) => target === '/'))
    throw stepsErrors.badInstruction({ problem: 'invalid mount target "/"', ...place });
};

/** Makes everything ready that the `--mount` flags of a RUN step ask for. Caches come last: others wait for them. */
export const openMounts = async (request: MountRequest): Promise<StepMounts> => {
  refuseRoot(request);
  await using stack = new AsyncDisposableStack();
  const files = stack.use(openSecretFiles(request.directory));
  const opening: Opening = { request, stack, files, mounts: [], env: new Map(), secrets: [] };
  let agents = 0;
  for (const mount of request.operation.mounts) {
    if (mount.kind === 'bind') await addBind(opening, mount);
    else if (mount.kind === 'secret') addSecret(opening, mount);
    else if (mount.kind === 'tmpfs') opening.mounts.push(tmpfsOf(mount));
    else if (mount.kind === 'ssh') {
      await addAgent(opening, mount, agents);
      agents += 1;
    }
  }
  await addCaches(opening);
  const { mounts, env, secrets } = opening;
  const kept = stack.move();
  return { mounts, env, secrets, [Symbol.asyncDispose]: () => kept.disposeAsync() };
};
