import { isLadeError, toLadeError, type LadeError } from '#errors';
import { runtimeErrors, type ExitStatus, type TerminalSize } from '#runtime';
import type { Container } from './container.ts';
import { emitContainer, type EngineContext } from './context.ts';
import { engineErrors } from './errors.ts';
import { startHealth } from './health.ts';
import { launch } from './launch.ts';
import { disconnectNetworks } from './networking.ts';
import { isLive } from './record.ts';
import { removeNow } from './remove.ts';
import { nextDelayMs, restarts } from './restart-policy.ts';
import { letRootGo } from './root-access.ts';
import { nowText } from './time.ts';

/** The exit code that stands for a start that failed, as a shell would say it. */
const failureCode = (error: LadeError): number => {
  if (runtimeErrors.commandNotFound.is(error)) return 127;
  return runtimeErrors.commandNotExecutable.is(error) ? 126 : 128;
};

const noteFailure = async (context: EngineContext, container: Container, cause: unknown): Promise<void> => {
  const error = toLadeError(cause);
  const { state } = container.record;
  const exitCode = failureCode(error);
  await context.containers.save(container, {
    state:
      state.kind === 'exited'
        ? { ...state, exitCode, error: error.message, restarting: false }
        : { kind: 'created', exitCode, error: error.message },
  });
  await letRootGo(context, container);
  container.life.emit({ kind: 'settled' });
  if (container.record.hostConfig.AutoRemove === true) await removeNow(context, container, { volumes: true });
};

/** Ends a planned restart. */
export const cancelRestart = (container: Container): void => {
  clearTimeout(container.restart?.timer);
  container.restart = undefined;
};

/** Starts now; runs in the container's queue. */
export const startNow = async (
  context: EngineContext,
  container: Container,
  options: {
    readonly consoleSize?: TerminalSize | undefined;
    readonly restartCount?: number | undefined;
  } = {},
): Promise<void> => {
  if (container.removing) throw engineErrors.removalInProgress({ name: container.record.name });
  clearTimeout(container.restart?.timer);
  try {
    const pid = await launch(context, container, options.consoleSize);
    context.background(
      context.containers.save(container, {
        state: { kind: 'running', pid, startedAt: nowText() },
        restartCount: options.restartCount ?? 0,
        stoppedByUser: false,
        health: undefined,
      }),
    );
  } catch (error) {
    await noteFailure(context, container, error);
    throw error;
  }
  watchExit(context, container);
  startHealth(context, container);
  emitContainer(context, container, 'start');
};

const planRestart = (context: EngineContext, container: Container, ranForMs: number): void => {
  const delayMs = nextDelayMs(container.restart?.delayMs, ranForMs);
  const timer = setTimeout(() => {
    context.background(
      container.queue
        .run(async () => {
          const { state, restartCount } = container.record;
          if (context.closing.aborted || state.kind !== 'exited' || !state.restarting) return;
          await startNow(context, container, { restartCount: restartCount + 1 });
        })
        .catch(() => undefined),
    );
  }, delayMs);
  container.restart = { timer, delayMs };
};

const secondsBetween = (from: string, to: Date): number =>
  Math.max(0, Math.floor((to.getTime() - Date.parse(from)) / 1000));

/** Frees what an ended process held; the exit is durable before the runtime's own copy of it goes. */
const releaseAfterExit = async (context: EngineContext, container: Container): Promise<void> => {
  await disconnectNetworks(context, container.record);
  await context.containers.flush();
  await context.runtime.delete(container.id);
  await letRootGo(context, container);
};

/** Notes that the process ended; runs in the container's queue. */
export const noteExit = async (
  context: EngineContext,
  container: Container,
  exit: ExitStatus,
): Promise<void> => {
  const { record } = container;
  if (record.state.kind !== 'running' && record.state.kind !== 'paused') return;
  const { startedAt } = record.state;
  container.health?.[Symbol.dispose]();
  container.health = undefined;
  const restarting = restarts(record, exit.exitCode);
  const saved = context.containers.save(container, {
    state: {
      kind: 'exited',
      exitCode: exit.exitCode,
      oomKilled: exit.oomKilled,
      startedAt,
      finishedAt: exit.finishedAt.toISOString(),
      error: '',
      restarting,
    },
  });
  context.background(saved);
  if (exit.oomKilled) emitContainer(context, container, 'oom');
  emitContainer(context, container, 'die', {
    exitCode: String(exit.exitCode),
    execDuration: String(secondsBetween(startedAt, exit.finishedAt)),
  });
  container.life.emit({ kind: 'exited', exit, restarting });
  if (record.hostConfig.AutoRemove === true) {
    await removeNow(context, container, { volumes: true });
    return;
  }
  await releaseAfterExit(context, container);
  if (restarting) planRestart(context, container, exit.finishedAt.getTime() - Date.parse(startedAt));
};

/** What is noted of an exit that nobody saw. */
const lostExit = (): ExitStatus => ({ exitCode: 255, finishedAt: new Date(), oomKilled: false });

/** Waits, behind the scenes, for the end of the present process. */
export const watchExit = (context: EngineContext, container: Container): void => {
  const watching = context.runtime
    .waitExit(container.id, { signal: context.closing })
    .catch((error: unknown) => {
      if (isLadeError(error, 'cancelled')) return undefined;
      return lostExit();
    })
    .then(async (exit) => {
      if (exit !== undefined) await container.queue.run(() => noteExit(context, container, exit));
    });
  context.background(watching);
};

/** Starts a container that does not run; false when it runs already. */
export const start = (
  context: EngineContext,
  container: Container,
  consoleSize: TerminalSize | undefined,
): Promise<boolean> =>
  container.queue.run(async () => {
    const { state, name } = container.record;
    if (state.kind === 'paused') {
      throw engineErrors.invalidConfig({ reason: 'cannot start a paused container, try unpause instead' });
    }
    if (state.kind === 'dead') {
      throw engineErrors.startFailed({
        name,
        reason: `container ${name} is marked for removal and cannot be started`,
      });
    }
    if (isLive(container.record)) return false;
    container.restart = undefined;
    await startNow(context, container, { consoleSize });
    return true;
  });
