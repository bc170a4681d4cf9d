import { randomUUID } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Place } from '#dockerfile';
import { isLadeError } from '#errors';
import type { LayerInfo, Snapshot } from '#layers';
import type { DiffId } from '#oci';
import type { MountInput, Runtime } from '#runtime';
import type { CacheMounts } from './cache-mounts.ts';
import { stepsErrors } from './errors.ts';
import { hostTrust } from './host-trust.ts';
import { createMountPoints } from './mount-points.ts';
import type { RunOperation } from './operations.ts';
import type { StepTools } from './run-copy.ts';
import { openMounts, type MountRequest } from './run-mounts.ts';
import { boundFile, type ConnectStep } from './run-network.ts';
import { createStepOutput, type StepOutput } from './step-output.ts';
import { refuseForeign } from './can-run.ts';
import { STEP_HOSTNAME, stepSpec, type PreparedStep } from './step-spec.ts';
import type { ResourceLimits } from './types.ts';

export interface RunTools extends StepTools {
  readonly runtime: Runtime;
  readonly connect: ConnectStep;
  readonly caches: CacheMounts;
  /** Where steps keep what they need while they run. */
  readonly scratch: string;
}

/** What comes from the machine and the caller and leaves no trace in the image. */
export interface RunSurroundings {
  readonly hostCa: string | undefined;
  readonly proxies: ReadonlyMap<string, string>;
  readonly secrets: Readonly<Record<string, Uint8Array>>;
  readonly ssh: Readonly<Record<string, { readonly socket: string }>>;
  /** `default`, `none`, `host`, or the name of a user's network. */
  readonly network: string;
  readonly extraHosts: readonly string[];
  readonly shmSizeBytes: number | undefined;
  readonly limits: ResourceLimits;
  /** What the Dockerfile may ask for: `security.insecure`, `network.host`, `device`. */
  readonly allow: ReadonlySet<string>;
  /** BUILDKIT_SANDBOX_HOSTNAME. */
  readonly hostname: string | undefined;
  /** BUILDKIT_CACHE_MOUNT_NS. */
  readonly cacheNamespace: string | undefined;
  /** Gets what a failed step leaves, which is then its to dispose of. Without it nothing is left. */
  readonly onFailed: ((failed: FailedStep) => void) | undefined;
}

/** A step that failed, with everything it ran with. */
export interface FailedStep extends AsyncDisposable {
  readonly operation: RunOperation;
  readonly prepared: PreparedStep;
  readonly place: Place;
  /** Layers that it ran on. */
  readonly below: readonly DiffId[];
  /** As the command left it. */
  readonly rootfs: string;
}

interface RunRequest {
  readonly operation: RunOperation;
  /** Of the image that it runs in. */
  readonly platform: string;
  readonly below: readonly DiffId[];
  readonly layersOf: MountRequest['layersOf'];
  readonly surroundings: RunSurroundings;
  readonly place: Place;
  readonly onOutput: (stream: 'stdout' | 'stderr', data: Buffer) => void;
  readonly signal: AbortSignal;
}

/** What a shell answers for a missing program, or one that cannot be run. */
const NOT_FOUND = 127;
const NOT_EXECUTABLE = 126;

const scriptMount = (directory: string, operation: RunOperation): readonly MountInput[] => {
  if (operation.script === undefined) return [];
  const { path, content } = operation.script;
  return [boundFile(directory, path, content, 0o755)];
};

interface Own {
  readonly id: string;
  readonly directory: string;
  readonly stack: AsyncDisposableStack;
}

const prepare = async (
  tools: RunTools,
  request: RunRequest,
  { id, directory, stack }: Own,
): Promise<PreparedStep & { readonly secrets: readonly Uint8Array[] }> => {
  const { operation, surroundings, place, layersOf, signal } = request;
  const { secrets, ssh, extraHosts, cacheNamespace, limits, shmSizeBytes } = surroundings;
  const hostname = surroundings.hostname ?? STEP_HOSTNAME;
  const mode = operation.network === 'default' ? surroundings.network : operation.network;
  const network = stack.use(await tools.connect({ id, mode, directory, extraHosts, hostname }));
  const { layers, caches } = tools;
  const wanted = { operation, layers, caches, cacheNamespace, directory, id, layersOf, secrets, ssh, place };
  const asked = stack.use(await openMounts({ ...wanted, signal }));
  const trust = hostTrust(surroundings.hostCa, operation.env);
  return {
    mounts: [...network.mounts, ...trust.mounts, ...scriptMount(directory, operation), ...asked.mounts],
    env: new Map([...surroundings.proxies, ...trust.env, ...operation.env, ...asked.env]),
    secrets: asked.secrets,
    network,
    hostname,
    limits,
    shmSizeBytes,
  };
};

interface Running {
  readonly id: string;
  readonly rootfs: string;
  readonly prepared: PreparedStep;
  readonly output: StepOutput;
}

/** The runtime's words about a command that could not be started, with the code a shell would give. */
const startFailure = (error: unknown): { readonly exitCode: number; readonly output: string } | undefined => {
  if (!isLadeError(error)) return undefined;
  if (error.code === 'RUNTIME_COMMAND_NOT_FOUND') return { exitCode: NOT_FOUND, output: error.message };
  if (error.code === 'RUNTIME_COMMAND_NOT_EXECUTABLE')
    return { exitCode: NOT_EXECUTABLE, output: error.message };
  return undefined;
};

const execute = async (
  tools: RunTools,
  { operation, signal }: RunRequest,
  { id, rootfs, prepared, output }: Running,
): Promise<{ readonly exitCode: number; readonly oomKilled: boolean; readonly output: string }> => {
  const spec = stepSpec({ id, rootfs, host: tools.runtime.host }, operation, prepared);
  try {
    const { exitCode, oomKilled } = await tools.runtime.run({
      id,
      spec,
      signal,
      onOutput: ({ stream, data }) => output.add(stream, data),
    });
    output.end();
    return { exitCode, oomKilled, output: output.tail() };
  } catch (error) {
    const failure = startFailure(error);
    if (failure === undefined) throw error;
    return { ...failure, oomKilled: false };
  }
};

const runInSnapshot = async (tools: RunTools, request: RunRequest, running: Running): Promise<void> => {
  const { exitCode, oomKilled, output } = await execute(tools, request, running);
  if (exitCode === 0) return;
  const failure = { command: request.operation.args.join(' '), exitCode, output, ...request.place };
  throw oomKilled ? stepsErrors.outOfMemory(failure) : stepsErrors.runFailed(failure);
};

const commit = async (
  tools: RunTools,
  snapshot: Snapshot,
  ignore: readonly string[],
  signal: AbortSignal,
) => {
  const clampTo = tools.clampToNs === undefined ? undefined : new Date(Number(tools.clampToNs / 1_000_000n));
  return snapshot.commit({ ignore, clampTo, signal, lease: await tools.lease() });
};

/**
 * Carries out RUN: a snapshot above the layers so far, the process in it, and what it changed as a new layer.
 * Undefined when it changed nothing. Mounts and network are gone afterwards, however it ends, and the snapshot is, or is
 * going where `later` says so, unless `surroundings.onFailed` takes them.
 *
 * @throws `STEPS_RUN_FAILED` with exit code, last output and Dockerfile lines
 */
export const runProcess = async (tools: RunTools, request: RunRequest): Promise<LayerInfo | undefined> => {
  const { operation, below, place, surroundings } = request;
  refuseForeign(request.platform, place);
  const id = `build-${randomUUID()}`;
  const directory = join(tools.scratch, id);
  await using stack = new AsyncDisposableStack();
  await mkdir(directory, { recursive: true, mode: 0o711 });
  stack.defer(() => rm(directory, { recursive: true, force: true }));
  const snapshot = await tools.layers.createSnapshot({ id, layers: below, kind: 'build' });
  stack.defer(() => snapshot.remove());
  const rootfs = await snapshot.mount();
  const surrounding = stack.use(new AsyncDisposableStack());
  const { secrets, ...prepared } = await prepare(tools, request, { id, directory, stack: surrounding });
  const points = createMountPoints(rootfs, prepared.mounts, place);
  const output = createStepOutput(secrets, request.onOutput);
  try {
    await runInSnapshot(tools, request, { id, rootfs, prepared, output });
  } catch (error) {
    if (surroundings.onFailed !== undefined && !request.signal.aborted) {
      const kept = stack.move();
      const dispose = (): Promise<void> => kept.disposeAsync();
      surroundings.onFailed({ operation, prepared, place, below, rootfs, [Symbol.asyncDispose]: dispose });
    }
    throw error;
  }
  const made = await commit(tools, snapshot, points.traces(), request.signal);
  await surrounding.disposeAsync();
  tools.later?.(stack.move().disposeAsync());
  return made;
};
