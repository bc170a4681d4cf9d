import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { rm, rmdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { expectAcceptance } from './acceptance.ts';
import { cgroupsByController, isFrozen, oomKills, processesIn, statsOf } from './cgroup.ts';
import { pathsOf, type RuntimeContext } from './context.ts';
import { runtimeErrors } from './errors.ts';
import { findExecOrphans } from './exec-orphans.ts';
import { openExitFiles } from './exit-files.ts';
import { runForeground } from './foreground.ts';
import { readHostFacts } from './host-facts.ts';
import { createMonitored, execMonitored } from './monitored.ts';
import { findProgram, messageOf, runProgram } from './oci-program.ts';
import { defaultRunDirectory, runtimePaths } from './paths.ts';
import { isAlive, monitorArgumentsOf, readPidFile, signalProcess } from './processes.ts';
import { removeContainer } from './removal.ts';
import { openSession, resizeTerminal } from './session.ts';
import { openExecFifo } from './start-fifo.ts';
import { updateArguments } from './spec-resources.ts';
import { readStateFile, type StateFile } from './state-file.ts';
import type { ExitStatus, ResourcesInput, Runtime, RuntimeState, Session } from './types.ts';

export interface RuntimeOptions {
  /** Directory that survives a restart of the machine; exit codes are kept in it. */
  readonly root: string;
  /** Short directory below /run; derived from `root` when absent. */
  readonly runDirectory?: string | undefined;
  /** Name or path of the OCI runtime: runc (the default) or crun. */
  readonly runtime?: string | undefined;
  /** Name or path of conmon. */
  readonly conmon?: string | undefined;
}

const RECHECK_MS = 1000;

const openContext = (options: RuntimeOptions): RuntimeContext => {
  const paths = runtimePaths(options.root, options.runDirectory ?? defaultRunDirectory(options.root));
  for (const directory of [paths.state, paths.foreground, join(paths.run, 'b'), join(paths.run, 'e')]) {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
  }
  const program = findProgram(options.runtime ?? 'runc');
  return {
    name: basename(program) === 'crun' ? 'crun' : 'runc',
    program,
    conmon: findProgram(options.conmon ?? 'conmon'),
    paths,
    host: readHostFacts(),
    exits: openExitFiles(paths.exits),
  };
};

const groupsOf = (context: RuntimeContext, state: StateFile): ReturnType<typeof cgroupsByController> =>
  cgroupsByController(state.cgroupPaths, context.host.cgroup);

/** conmon may end before it hears of it; the control group counts it as long as it is there. */
const wasKilledForMemory = (context: RuntimeContext, id: string): boolean => {
  const paths = pathsOf(context, id);
  if (existsSync(paths.oom)) return true;
  const state = readStateFile(paths.stateDirectory);
  if (state === undefined) return false;
  const groups = groupsOf(context, state);
  return oomKills(groups['memory'] ?? groups['unified']) > 0;
};

const exitOf = (context: RuntimeContext, id: string): ExitStatus | undefined => {
  const record = context.exits.read(id);
  return record === undefined ? undefined : { ...record, oomKilled: wasKilledForMemory(context, id) };
};

const monitorOf = (context: RuntimeContext, id: string): readonly string[] | undefined => {
  const monitor = readPidFile(pathsOf(context, id).conmonPidFile);
  return monitor === undefined ? undefined : monitorArgumentsOf(monitor, id);
};

const stateOf = (context: RuntimeContext, id: string): RuntimeState => {
  const paths = pathsOf(context, id);
  const exit = exitOf(context, id);
  if (exit !== undefined) return { kind: 'exited', exit };
  const state = readStateFile(paths.stateDirectory);
  if (state === undefined && !existsSync(paths.bundle)) throw runtimeErrors.containerNotFound({ id });
  if (state === undefined) return { kind: 'lost' };
  const { pid } = state;
  if (!isAlive(pid, state.startTime)) {
    return monitorOf(context, id) !== undefined ? { kind: 'running', pid } : { kind: 'lost' };
  }
  if (existsSync(paths.execFifo)) return { kind: 'created', pid };
  return { kind: isFrozen(groupsOf(context, state)) ? 'paused' : 'running', pid };
};

const liveState = (context: RuntimeContext, id: string): StateFile => {
  const state = readStateFile(pathsOf(context, id).stateDirectory);
  if (state === undefined || !isAlive(state.pid, state.startTime)) throw runtimeErrors.notRunning({ id });
  return state;
};

/** Asks the OCI runtime to do something to a live container. */
const control = async (
  context: RuntimeContext,
  verb: 'pause' | 'resume' | 'start',
  id: string,
): Promise<void> => {
  const result = await runProgram(context.program, ['--root', context.paths.state, verb, id]);
  if (result.exitCode === 0) return;
  if (verb !== 'start') liveState(context, id);
  throw verb === 'start'
    ? runtimeErrors.startFailed({ id, text: messageOf(result.stderr) })
    : runtimeErrors.controlFailed({ id, verb, text: messageOf(result.stderr) });
};

const update = async (context: RuntimeContext, id: string, resources: ResourcesInput): Promise<void> => {
  liveState(context, id);
  const args = updateArguments(resources);
  if (args.length === 0) return;
  const result = await runProgram(context.program, ['--root', context.paths.state, 'update', ...args, id]);
  if (result.exitCode !== 0) throw runtimeErrors.updateFailed({ id, text: messageOf(result.stderr) });
};

const start = async (context: RuntimeContext, id: string): Promise<void> => {
  const { execFifo } = pathsOf(context, id);
  const state = liveState(context, id);
  if (!existsSync(execFifo)) return control(context, 'start', id);
  const started = await openExecFifo(execFifo, () => isAlive(state.pid, state.startTime));
  if (!started) throw runtimeErrors.startFailed({ id, text: 'its process ended before it was started' });
};

/**
 * Conmon waits for its container's end between two looks at its socket: of a process that runs and ends meanwhile,
 * a connection that was not taken before would get nothing.
 */
const attach = async (context: RuntimeContext, id: string): Promise<Session> => {
  liveState(context, id);
  const { attachSocket, control, execFifo, conmonPidFile } = pathsOf(context, id);
  const openStdin = monitorOf(context, id)?.includes('--stdin') ?? false;
  const monitor = existsSync(execFifo) ? readPidFile(conmonPidFile) : undefined;
  const acceptance = monitor === undefined ? undefined : expectAcceptance(monitor);
  const session = openSession({ attachSocket, control, openStdin });
  if ((await acceptance?.taken()) !== false) return session;
  session.close();
  throw runtimeErrors.attachFailed({ id });
};

const waitExit = (
  context: RuntimeContext,
  id: string,
  signal: AbortSignal | undefined,
): Promise<ExitStatus> =>
  new Promise((resolve, reject) => {
    const finish = (act: () => void): void => {
      stopWatching();
      clearInterval(timer);
      signal?.removeEventListener('abort', onAbort);
      act();
    };
    const check = (): void => {
      const exit = exitOf(context, id);
      if (exit !== undefined) finish(() => resolve(exit));
    };
    /** Conmon may have written and ended between the two looks, so the file is looked at last. */
    const checkMonitor = (): void => {
      const lives = monitorOf(context, id) !== undefined;
      const exit = exitOf(context, id);
      if (exit !== undefined) finish(() => resolve(exit));
      else if (!lives) finish(() => reject(runtimeErrors.exitLost({ id })));
    };
    const onAbort = (): void => finish(() => reject(runtimeErrors.cancelled({ id })));
    const stopWatching = context.exits.onChange(check);
    const timer = setInterval(checkMonitor, RECHECK_MS);
    signal?.addEventListener('abort', onAbort, { once: true });
    if (signal?.aborted === true) onAbort();
    else check();
  });

const kill = async (context: RuntimeContext, id: string, signal: NodeJS.Signals | number): Promise<void> => {
  const state = liveState(context, id);
  if (!signalProcess(state.pid, signal)) throw runtimeErrors.notRunning({ id });
  const deadly = signal === 'SIGKILL' || signal === 9;
  if (deadly && isFrozen(groupsOf(context, state))) await control(context, 'resume', id);
};

/** Foreground runs end with the process that began them; what is left of one that was killed goes now. */
const sweepForeground = async (context: RuntimeContext): Promise<void> => {
  const left = readdirSync(context.paths.foreground).filter((name) => name !== '.bundles');
  for (const id of left) {
    await runProgram(context.program, ['--root', context.paths.foreground, 'delete', '--force', id]);
  }
  if (left.length > 0) await rm(join(context.paths.foreground, '.bundles'), { recursive: true, force: true });
};

/** Removes the directories below /run where nothing is kept in them. */
const removeEmptyDirectories = async (context: RuntimeContext): Promise<void> => {
  const { run, state, foreground } = context.paths;
  for (const directory of [
    join(foreground, '.bundles'),
    foreground,
    state,
    join(run, 'b'),
    join(run, 'e'),
    run,
  ]) {
    await rmdir(directory).catch(() => undefined);
  }
};

/**
 * Opens the runtime of one root: Debian's runc (or crun) under conmon.
 *
 * Containers live on when this process ends, however it ends; `list`, `state` and `waitExit` find them again.
 */
export const createRuntime = (options: RuntimeOptions): Runtime => {
  const context = openContext(options);
  const execOrphans = findExecOrphans(join(context.paths.run, 'e'));
  execOrphans.sweep();
  const swept = sweepForeground(context).catch(() => undefined);
  return {
    name: context.name,
    host: context.host,
    version: async () => (await runProgram(context.program, ['--version'])).stdout.trim(),
    create: (create) => createMonitored(context, create),
    start: (id) => start(context, id),
    waitExit: (id, wait) => waitExit(context, id, wait?.signal),
    attach: (id) => attach(context, id),
    resize: (id, size) => resizeTerminal(pathsOf(context, id).control, size),
    exec: async (id, exec) => {
      liveState(context, id);
      return execMonitored(context, { id, execId: randomBytes(16).toString('hex') }, exec);
    },
    kill: (id, signal) => kill(context, id, signal),
    update: (id, resources) => update(context, id, resources),
    pause: (id) => control(context, 'pause', id),
    resume: (id) => control(context, 'resume', id),
    state: (id) => stateOf(context, id),
    processes: (id) => processesIn(groupsOf(context, liveState(context, id))),
    stats: (id) => statsOf(groupsOf(context, liveState(context, id))),
    list: () => readdirSync(join(context.paths.run, 'b')),
    delete: async (id) => {
      await removeContainer(context, id, async () => {
        const state = readStateFile(pathsOf(context, id).stateDirectory);
        if (state !== undefined && isFrozen(groupsOf(context, state))) await control(context, 'resume', id);
      });
      execOrphans.sweep();
    },
    run: async (run) => {
      await swept;
      return runForeground(context, run);
    },
    [Symbol.asyncDispose]: async () => {
      await swept;
      context.exits[Symbol.dispose]();
      execOrphans.sweep();
      await removeEmptyDirectories(context);
    },
  };
};
