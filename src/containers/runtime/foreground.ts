import { spawn, type ChildProcess } from 'node:child_process';
import { mkdir, rm, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { span } from '#events';
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

const closed = (child: ChildProcess): Promise<number> =>
  new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve(code ?? (signal === 'SIGKILL' ? 137 : 255)));
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

const startRuntime = (context: RuntimeContext, bundle: string, options: RunOptions): ChildProcess => {
  const log = ['--log', join(bundle, 'log.json'), '--log-format', 'json'];
  const keep = isLimited(options) ? ['--keep'] : [];
  const args = ['run', ...keep, '--bundle', bundle, '--pid-file', join(bundle, 'pid'), options.id];
  const child = spawn(context.program, ['--root', context.paths.foreground, ...log, ...args], {
    cwd: '/',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  child.stdout.on('data', (data: Buffer) => options.onOutput?.({ stream: 'stdout', data }));
  child.stderr.on('data', (data: Buffer) => options.onOutput?.({ stream: 'stderr', data }));
  return child;
};

/** Kills the container's first process, and with it its PID namespace; the runtime then ends by itself. */
const killRun = (child: ChildProcess, bundle: string): void => {
  const pid = readPidFile(join(bundle, 'pid'));
  if (pid === undefined) child.kill('SIGKILL');
  else signalProcess(pid, 'SIGKILL');
};

/** Runs a container to its end as this process's child, for build steps. */
export const runForeground = async (context: RuntimeContext, options: RunOptions): Promise<ExitStatus> => {
  const aborted = (): boolean => options.signal?.aborted ?? false;
  if (aborted()) throw runtimeErrors.cancelled({ id: options.id });
  const bundle = join(context.paths.foreground, '.bundles', options.id);
  await mkdir(bundle, { recursive: true, mode: 0o700 });
  await writeFile(join(bundle, 'config.json'), encodeSpec(options.spec));
  const child = startRuntime(context, bundle, options);
  const onAbort = (): void => killRun(child, bundle);
  options.signal?.addEventListener('abort', onAbort, { once: true });
  try {
    const exitCode = await span('runc and command', options.id, () => closed(child));
    if (aborted()) throw runtimeErrors.cancelled({ id: options.id });
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
  } finally {
    options.signal?.removeEventListener('abort', onAbort);
    await rm(bundle, { recursive: true, force: true });
  }
};
