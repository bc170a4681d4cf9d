import { attach } from './attach.ts';
import { getArchive, putArchive, statPath } from './archive.ts';
import { changes } from './changes.ts';
import { commit } from './commit.ts';
import { containerLogs } from './container-logs.ts';
import { openContainerTable } from './container-table.ts';
import type { EngineContext } from './context.ts';
import { create } from './create.ts';
import type { Containers, Engine } from './engine-types.ts';
import { createExecTable, type ExecTable } from './exec-table.ts';
import { exportTar } from './export.ts';
import { inspect } from './inspect.ts';
import { start } from './life.ts';
import { list } from './list.ts';
import { joinNetwork, leaveNetwork } from './networking.ts';
import { changeNetworks } from './own-files.ts';
import type { EngineDeps } from './ports.ts';
import { prunableContainers, pruneContainers } from './prune.ts';
import { recover } from './recovery.ts';
import { rename } from './rename.ts';
import { resizeContainer } from './resize.ts';
import { stats } from './stats.ts';
import { kill, pause, remove, restart, stop, unpause } from './stop.ts';
import { top } from './top.ts';
import { update } from './update.ts';
import { openVolumeTable } from './volume-table.ts';
import { createVolumes } from './volumes.ts';
import { wait } from './wait.ts';

const createContainers = (context: EngineContext, execs: ExecTable): Containers => {
  const find = (name: string): ReturnType<typeof context.containers.find> => context.containers.find(name);
  return {
    create: (options) => create(context, options),
    inspect: async (name, options) => {
      const container = find(name);
      return inspect(context, container, {
        size: options?.size ?? false,
        execIds: execs.running(container.id),
      });
    },
    list: (options) => list(context, options),
    start: async (name, options) => start(context, find(name), options?.consoleSize),
    stop: async (name, options) => stop(context, find(name), options),
    restart: async (name, options) => restart(context, find(name), options),
    kill: async (name, signal) => kill(context, find(name), signal ?? ''),
    pause: async (name) => pause(context, find(name)),
    unpause: async (name) => unpause(context, find(name)),
    update: async (name, change) => update(context, find(name), change),
    rename: async (name, newName) => rename(context, find(name), newName),
    remove: async (name, options) => remove(context, find(name), options),
    wait: (name, options) => wait(find(name), options),
    attach: async (name, options) => attach(context, find(name), options),
    logs: async (name, options) => containerLogs(context, find(name), options),
    resize: async (name, size) => resizeContainer(context, find(name), size),
    top: async (name, psArgs) => top(context, find(name), psArgs ?? ''),
    stats: (name, options) => stats(context, find(name), options),
    changes: async (name) => changes(context, find(name)),
    statPath: async (name, path) => statPath(context, find(name), path),
    getArchive: async (name, path) => getArchive(context, find(name), path),
    putArchive: async (name, options) => putArchive(context, find(name), options),
    exportTar: async (name) => exportTar(context, find(name)),
    commit: async (name, options) => commit(context, find(name), options),
    prune: (filters) => pruneContainers(context, filters),
    prunable: (filters) => prunableContainers(context, filters).map(({ id }) => id),
    connectNetwork: async (name, network, endpoint) => {
      const container = find(name);
      await changeNetworks(context, container, () => joinNetwork(context, container, network, endpoint));
    },
    disconnectNetwork: async (name, network) => {
      const container = find(name);
      await changeNetworks(context, container, () => leaveNetwork(context, container, network));
    },
  };
};

const createContext = (
  deps: EngineDeps,
  closing: AbortSignal,
  work: Set<Promise<unknown>>,
): EngineContext => ({
  ...deps,
  containers: openContainerTable(deps.root.database),
  volumes: openVolumeTable(deps.root),
  closing,
  background: (promise) => {
    const settled = promise
      .catch(() => undefined)
      .finally(() => {
        work.delete(settled);
      });
    work.add(settled);
  },
});

const close = async (
  context: EngineContext,
  closing: AbortController,
  work: Set<Promise<unknown>>,
): Promise<void> => {
  closing.abort();
  for (const container of context.containers.list()) {
    clearTimeout(container.restart?.timer);
    container.health?.[Symbol.dispose]();
    await container.queue.idle();
  }
  while (work.size > 0) await Promise.all(work);
  await context.containers.flush();
};

/**
 * Opens the engine of one root: finds its containers, also those that lived on without it, and watches them.
 *
 * The root's database must have had `engineMigrations`. Disposing leaves containers running.
 */
export const createEngine = async (deps: EngineDeps): Promise<Engine> => {
  const closing = new AbortController();
  const work = new Set<Promise<unknown>>();
  const context = createContext(deps, closing.signal, work);
  const execs = createExecTable(context);
  await recover(context);
  return {
    containers: createContainers(context, execs),
    execs,
    volumes: createVolumes(context),
    counts: () => {
      const records = context.containers.list().map(({ record }) => record);
      const running = records.filter(({ state }) => state.kind === 'running').length;
      const paused = records.filter(({ state }) => state.kind === 'paused').length;
      return { running, paused, stopped: records.length - running - paused };
    },
    [Symbol.asyncDispose]: () => close(context, closing, work),
  };
};

export type { EngineDeps } from './ports.ts';
