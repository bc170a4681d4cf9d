import { randomUUID } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isLadeError } from '#errors';
import type { LayerInfo, Snapshot } from '#layers';
import type { DiffId } from '#oci';
import { resolveUser, toRuntimeSpec, type MountInput, type Runtime } from '#runtime';
import { stepsErrors } from './errors.ts';
import { createMountPoints } from './mount-points.ts';
import { hostTrust } from './host-trust.ts';
import type { RunOperation } from './operations.ts';
import { createOutputTail } from './output-tail.ts';
import type { StepPlace, StepTools } from './run-copy.ts';
import { openMounts, type CacheDirectories, type MountRequest } from './run-mounts.ts';
import { boundFile, type ConnectStep, type StepNetwork } from './run-network.ts';

export interface RunTools extends StepTools {
  readonly runtime: Runtime;
  readonly connect: ConnectStep;
  readonly caches: CacheDirectories;
  /** Where steps keep what they need while they run. */
  readonly scratch: string;
}

/** What comes from the machine and the caller and leaves no trace in the image. */
export interface RunSurroundings {
  readonly hostCa: string | undefined;
  readonly proxies: ReadonlyMap<string, string>;
  readonly secrets: Readonly<Record<string, Uint8Array>>;
  /** `default`, `none`, `host`, or the name of a user's network. */
  readonly network: string;
  readonly extraHosts: readonly string[];
  readonly shmSizeBytes: number | undefined;
}

interface RunRequest {
  readonly operation: RunOperation;
  readonly below: readonly DiffId[];
  readonly bindLayers: MountRequest['bindLayers'];
  readonly surroundings: RunSurroundings;
  readonly place: StepPlace;
  readonly onOutput: (stream: 'stdout' | 'stderr', data: Buffer) => void;
  readonly signal: AbortSignal;
}

/** Places of the runtime's own mounts: nothing there belongs to a layer. */
const RUNTIME_PATHS: readonly string[] = ['/dev', '/proc', '/sys', '/run/lade'];
const HOSTNAME = 'lade-build';
/** What a shell answers for a signal or a missing program. */
const NOT_FOUND = 127;
const NOT_EXECUTABLE = 126;

const scriptMount = (directory: string, operation: RunOperation): readonly MountInput[] => {
  if (operation.script === undefined) return [];
  const { path, content } = operation.script;
  return [boundFile(directory, path, content, 0o755)];
};

interface Prepared {
  readonly mounts: readonly MountInput[];
  readonly env: ReadonlyMap<string, string>;
  readonly network: StepNetwork;
}

const prepare = async (
  tools: RunTools,
  request: RunRequest,
  own: { readonly id: string; readonly directory: string; readonly stack: AsyncDisposableStack },
): Promise<Prepared> => {
  const { operation, surroundings, place, bindLayers } = request;
  const { id, directory, stack } = own;
  const { secrets, extraHosts } = surroundings;
  const mode = operation.network === 'default' ? surroundings.network : operation.network;
  const network = stack.use(await tools.connect({ id, mode, directory, extraHosts }));
  const { layers, caches } = tools;
  const asked = stack.use(
    await openMounts({ operation, layers, caches, directory, id, bindLayers, secrets, place }),
  );
  const trust = hostTrust(surroundings.hostCa, operation.env);
  const mounts = [...network.mounts, ...trust.mounts, ...scriptMount(directory, operation), ...asked.mounts];
  return {
    mounts,
    env: new Map([...surroundings.proxies, ...trust.env, ...operation.env, ...asked.env]),
    network,
  };
};

const execute = async (
  tools: RunTools,
  request: RunRequest,
  run: Prepared & { id: string; rootfs: string },
): Promise<number> => {
  const { operation, surroundings, signal, onOutput } = request;
  const spec = toRuntimeSpec(
    {
      id: run.id,
      rootfs: run.rootfs,
      process: {
        args: operation.args,
        env: Array.from(run.env, ([name, value]) => `${name}=${value}`),
        cwd: operation.workdir,
        user: resolveUser(run.rootfs, operation.user),
      },
      hostname: HOSTNAME,
      network: run.network.input,
      mounts: run.mounts,
      shmSizeBytes: surroundings.shmSizeBytes,
    },
    tools.runtime.host,
  );
  const { exitCode } = await tools.runtime.run({
    id: run.id,
    spec,
    signal,
    onOutput: ({ stream, data }) => onOutput(stream, data),
  });
  return exitCode;
};

/** The runtime's words about a command that could not be started, with the code a shell would give. */
const startFailure = (error: unknown): { readonly exitCode: number; readonly output: string } | undefined => {
  if (!isLadeError(error)) return undefined;
  if (error.code === 'RUNTIME_COMMAND_NOT_FOUND') return { exitCode: NOT_FOUND, output: error.message };
  if (error.code === 'RUNTIME_COMMAND_NOT_EXECUTABLE')
    return { exitCode: NOT_EXECUTABLE, output: error.message };
  return undefined;
};

const runInSnapshot = async (
  tools: RunTools,
  request: RunRequest,
  run: Prepared & { id: string; rootfs: string },
): Promise<void> => {
  const tail = createOutputTail();
  const watched: RunRequest = {
    ...request,
    onOutput: (stream, data) => {
      tail.add(data);
      request.onOutput(stream, data);
    },
  };
  const command = request.operation.args.join(' ');
  let exitCode: number;
  let output: string;
  try {
    exitCode = await execute(tools, watched, run);
    output = tail.text();
  } catch (error) {
    const failure = startFailure(error);
    if (failure === undefined) throw error;
    ({ exitCode, output } = failure);
  }
  if (exitCode !== 0) throw stepsErrors.runFailed({ command, exitCode, output, ...request.place });
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
 * Undefined when it changed nothing. Snapshot and mounts are gone afterwards, however it ends.
 *
 * @throws `STEPS_RUN_FAILED` with exit code, last output and Dockerfile lines
 */
export const runProcess = async (tools: RunTools, request: RunRequest): Promise<LayerInfo | undefined> => {
  const id = `build-${randomUUID()}`;
  const directory = join(tools.scratch, id);
  await using stack = new AsyncDisposableStack();
  await mkdir(directory, { recursive: true, mode: 0o711 });
  stack.defer(() => rm(directory, { recursive: true, force: true }));
  const snapshot = await tools.layers.createSnapshot({ id, layers: request.below, kind: 'build' });
  stack.defer(() => snapshot.remove());
  const rootfs = await snapshot.mount();
  const prepared = await prepare(tools, request, { id, directory, stack });
  const targets = prepared.mounts.map((mount) => mount.target);
  const points = createMountPoints(rootfs, [...RUNTIME_PATHS, ...targets]);
  await runInSnapshot(tools, request, { ...prepared, id, rootfs });
  return await commit(tools, snapshot, points.traces(), request.signal);
};
