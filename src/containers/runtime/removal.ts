import { rmSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { destroyGroups } from './cgroup.ts';
import { pathsOf, type RuntimeContext } from './context.ts';
import { runProgram } from './oci-program.ts';
import { isAlive, monitorArgumentsOf, readPidFile, signalProcess } from './processes.ts';
import { readStateFile, type StateFile } from './state-file.ts';

const POLL_MS = 2;
const PATIENCE_MS = 10_000;

const gone = async (isThere: () => boolean): Promise<boolean> => {
  for (const deadline = Date.now() + PATIENCE_MS; isThere(); await delay(POLL_MS)) {
    if (Date.now() > deadline) return false;
  }
  return true;
};

const killInit = async (state: StateFile): Promise<boolean> => {
  if (!isAlive(state.pid, state.startTime)) return true;
  signalProcess(state.pid, 'SIGKILL');
  return gone(() => isAlive(state.pid, state.startTime));
};

/** What `runc delete` does, without its 10 ms: control groups and the state directory. */
const forgetState = async (state: StateFile, directory: string, version: 'v1' | 'v2'): Promise<void> => {
  await destroyGroups(state.cgroupPaths, version);
  rmSync(directory, { recursive: true, force: true });
};

const askRuntime = (context: RuntimeContext, id: string): Promise<unknown> =>
  runProgram(context.program, ['--root', context.paths.state, 'delete', '--force', id]);

/**
 * Kills what still runs of a container and removes all that the runtime keeps of it.
 *
 * `thaw` is called first, because a frozen process does not die.
 */
export const removeContainer = async (
  context: RuntimeContext,
  id: string,
  thaw: () => Promise<void>,
): Promise<void> => {
  const paths = pathsOf(context, id);
  const state = readStateFile(paths.stateDirectory);
  if (state !== undefined) {
    await thaw();
    const dead = await killInit(state);
    if (dead)
      await forgetState(state, paths.stateDirectory, context.host.cgroup).catch(() =>
        askRuntime(context, id),
      );
    else await askRuntime(context, id);
  }
  const monitor = readPidFile(paths.conmonPidFile);
  if (monitor !== undefined && !(await gone(() => monitorArgumentsOf(monitor, id) !== undefined)))
    signalProcess(monitor, 'SIGKILL');
  // A few files on a file system in memory: a way through a thread for each would take longer.
  rmSync(paths.bundle, { recursive: true, force: true });
  rmSync(paths.stateDirectory, { recursive: true, force: true });
  context.exits.remove(id);
};
