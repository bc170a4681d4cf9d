import { closeSync } from 'node:fs';
import { mkdir, rm, readFile, writeFile } from 'node:fs/promises';
import { Socket } from 'node:net';
import { join } from 'node:path';
import { span } from '#events';
import { errnoOf, openPipe, reapProcess, spawnProcess } from '#sys';
import { cgroupsByController, oomKills } from './cgroup.ts';
import type { RuntimeContext } from './context.ts';
import { runtimeErrors } from './errors.ts';
import { creationFailure, runProgram } from './oci-program.ts';
import { readPidFile, signalProcess } from './processes.ts';
import { readStateFile } from './state-file.ts';
import { encodeSpec } from './to-runtime-spec.ts';
import type { ExitStatus, RunOptions } from './types.ts';

const forceDelete = (context: RuntimeContext, id: string): Promise<unknown> =>
  runProgram(context.program, ['--root', context.paths.foreground, 'delete', '--force', id]);

/** Passes on what comes out of a pipe; resolves when nobody can write to it any more. */
const drain = (fd: number, onData: (data: Buffer) => void): Promise<void> =>
  new Promise((resolve) => {
    const pipe = new Socket({ fd, writable: false });
    pipe.on('data', onData);
    pipe.once('error', () => undefined).once('close', () => resolve());
  });

const failureText = async (bundle: string): Promise<string> =>
  readFile(join(bundle, 'log.json'), 'utf8').catch(() => '');

/**
 * Only a limit of memory makes it worth asking who killed the container. The runtime then leaves its control groups
 * behind, which know.
 */
const isLimited = ({ spec }: RunOptions): boolean => spec.linux.resources.memory?.limit !== undefined;

const wasKilledForMemory = (context: RuntimeContext, id: string): boolean => {
  const state = readStateFile(join(context.paths.foreground, id));
  if (state === undefined) return false;
  const groups = cgroupsByController(state.cgroupPaths, context.host.cgroup);
  return oomKills(groups['memory'] ?? groups['unified']) > 0;
};

interface Running {
  readonly pid: number;
  /** The exit code, once all output has been passed on. */
  readonly ended: Promise<number>;
}

const argumentsOf = (context: RuntimeContext, bundle: string, options: RunOptions): readonly string[] => {
  const log = ['--log', join(bundle, 'log.json'), '--log-format', 'json'];
  const keep = isLimited(options) ? ['--keep'] : [];
  const run = ['run', ...keep, '--bundle', bundle, '--pid-file', join(bundle, 'pid'), options.id];
  return ['--root', context.paths.foreground, ...log, ...run];
};

const openOutputs = (): readonly [stdout: readonly [number, number], stderr: readonly [number, number]] => {
  const stdout = openPipe();
  try {
    return [stdout, openPipe()];
  } catch (error) {
    for (const fd of stdout) closeSync(fd);
    throw error;
  }
};

const startRuntime = (context: RuntimeContext, bundle: string, options: RunOptions): Running => {
  const [stdout, stderr] = openOutputs();
  const outputs = [stdout[1], stderr[1]] as const;
  const path = context.program;
  try {
    const args = argumentsOf(context, bundle, options);
    const pid = spawnProcess({ path, args, env: process.env, cwd: '/', outputs, pass: [] });
    const drained = Promise.all([
      drain(stdout[0], (data) => options.onOutput?.({ stream: 'stdout', data })),
      drain(stderr[0], (data) => options.onOutput?.({ stream: 'stderr', data })),
    ]);
    // The runtime has both to its own end.
    return { pid, ended: drained.then(() => reapProcess(pid)) };
  } catch (error) {
    for (const [reading] of [stdout, stderr]) closeSync(reading);
    throw errnoOf(error) === 'ENOENT' ? runtimeErrors.programMissing({ name: path }, error) : error;
  } finally {
    for (const fd of outputs) closeSync(fd);
  }
};

/** Kills the container's first process, and with it its PID namespace; the runtime then ends by itself. */
const killRun = (running: Running, bundle: string): void => {
  signalProcess(readPidFile(join(bundle, 'pid')) ?? running.pid, 'SIGKILL');
};

const refuseAborted = ({ id, signal }: RunOptions): void => {
  if (signal?.aborted === true) throw runtimeErrors.cancelled({ id });
};

/** The exit code of a run, which is killed when the signal comes. */
const exitCodeOf = async (running: Running, bundle: string, options: RunOptions): Promise<number> => {
  const onAbort = (): void => killRun(running, bundle);
  options.signal?.addEventListener('abort', onAbort, { once: true });
  try {
    return await span('runc and command', options.id, () => running.ended);
  } finally {
    // From here on its process IDs may be those of others.
    options.signal?.removeEventListener('abort', onAbort);
  }
};

/** Runs a bundle, and leaves nothing of it where that fails. */
const runBundle = async (
  context: RuntimeContext,
  bundle: string,
  options: RunOptions,
): Promise<ExitStatus> => {
  const running = startRuntime(context, bundle, options);
  try {
    const exitCode = await exitCodeOf(running, bundle, options);
    refuseAborted(options);
    if (readPidFile(join(bundle, 'pid')) === undefined) {
      throw creationFailure(context, options.id, await failureText(bundle));
    }
    if (!isLimited(options)) return { exitCode, finishedAt: new Date(), oomKilled: false };
    const oomKilled = wasKilledForMemory(context, options.id);
    await forceDelete(context, options.id);
    return { exitCode, finishedAt: new Date(), oomKilled };
  } catch (error) {
    await forceDelete(context, options.id);
    throw error;
  }
};

/** Runs a container to its end as this process's child, for build steps. */
export const runForeground = async (context: RuntimeContext, options: RunOptions): Promise<ExitStatus> => {
  refuseAborted(options);
  const bundle = join(context.paths.foreground, '.bundles', options.id);
  try {
    await mkdir(bundle, { recursive: true, mode: 0o700 });
    await writeFile(join(bundle, 'config.json'), encodeSpec(options.spec));
    refuseAborted(options);
    return await runBundle(context, bundle, options);
  } finally {
    await rm(bundle, { recursive: true, force: true });
  }
};
