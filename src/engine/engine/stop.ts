import { setTimeout as delay } from 'node:timers/promises';
import { isLadeError } from '#errors';
import { nextLifeEvent, type Container } from './container.ts';
import { emitContainer, type EngineContext } from './context.ts';
import { engineErrors } from './errors.ts';
import { cancelRestart, startNow } from './life.ts';
import { isLive } from './record.ts';
import { checkRemovable, removeNow } from './remove.ts';
import { signalNumber } from './signals.ts';
import type { RemoveOptions, StopOptions } from './types.ts';

const SIGKILL = 9;
const SIGTERM = 15;
const DEFAULT_TIMEOUT_SECONDS = 10;

const stopSignalOf = (container: Container, given: string | undefined): number => {
  const text = given ?? container.record.config.StopSignal ?? '';
  return text === '' ? SIGTERM : signalNumber(text);
};

const exited = (container: Container): Promise<true> =>
  nextLifeEvent(container, (event) =>
    event.kind === 'exited' || event.kind === 'removed' ? true : undefined,
  );

/** Sends a signal; a process that has just ended is no error. */
const send = async (context: EngineContext, container: Container, signal: number): Promise<void> => {
  try {
    await context.runtime.kill(container.id, signal);
  } catch (error) {
    if (!isLadeError(error, 'conflict')) throw error;
  }
};

/** Runs in the queue: what ends while it thaws is noted after this, never overwritten by it. */
const resumeNow = async (context: EngineContext, container: Container): Promise<void> => {
  const { state } = container.record;
  if (state.kind !== 'paused') return;
  await context.runtime.resume(container.id);
  await context.containers.save(container, { state: { ...state, kind: 'running' } });
};

/** Lets a paused container go on so that a signal reaches it; one that ended meanwhile is no error. */
const resumeIfPaused = async (context: EngineContext, container: Container): Promise<void> => {
  if (container.record.state.kind !== 'paused') return;
  await container.queue
    .run(() => resumeNow(context, container))
    .catch((error: unknown) => {
      if (context.runtime.state(container.id).kind === 'paused') throw error;
    });
};

/** Ends a planned restart: the container is then simply stopped. */
const settle = (context: EngineContext, container: Container): Promise<boolean> =>
  container.queue.run(async () => {
    const { state } = container.record;
    if (state.kind !== 'exited' || !state.restarting) return false;
    cancelRestart(container);
    await context.containers.save(container, { state: { ...state, restarting: false }, stoppedByUser: true });
    container.life.emit({ kind: 'settled' });
    return true;
  });

const within = async (ended: Promise<unknown>, seconds: number): Promise<boolean> => {
  if (seconds < 0) {
    await ended;
    return true;
  }
  const timeout = new AbortController();
  const late = delay(seconds * 1000, false, { signal: timeout.signal }).catch(() => false);
  const inTime = await Promise.race([ended.then(() => true), late]);
  timeout.abort();
  return inTime;
};

/** Stops by the stop signal, and by SIGKILL after the timeout; false when it does not run. */
export const stop = async (
  context: EngineContext,
  container: Container,
  options: StopOptions = {},
): Promise<boolean> => {
  const signal = stopSignalOf(container, options.signal);
  if (await settle(context, container)) return true;
  if (!isLive(container.record)) return false;
  const ended = exited(container);
  context.background(context.containers.save(container, { stoppedByUser: true }));
  emitContainer(context, container, 'kill', { signal: String(signal) });
  await send(context, container, signal);
  await resumeIfPaused(context, container);
  const seconds = options.timeoutSeconds ?? container.record.config.StopTimeout ?? DEFAULT_TIMEOUT_SECONDS;
  if (!(await within(ended, seconds))) {
    emitContainer(context, container, 'kill', { signal: String(SIGKILL) });
    await send(context, container, SIGKILL);
    await ended;
  }
  await container.queue.idle();
  emitContainer(context, container, 'stop');
  return true;
};

export const restart = async (
  context: EngineContext,
  container: Container,
  options: StopOptions = {},
): Promise<void> => {
  const { AutoRemove: autoRemove } = container.record.hostConfig;
  if (autoRemove === true && isLive(container.record)) {
    throw engineErrors.unsupportedOption({
      option: 'restart of a container with --rm',
      reason: 'it would be removed',
    });
  }
  await stop(context, container, options);
  await container.queue.run(async () => {
    if (!isLive(container.record)) await startNow(context, container);
  });
  emitContainer(context, container, 'restart');
};

/** Sends any signal to a live container; SIGKILL and the stop signal count as a stop by the user. */
export const kill = async (context: EngineContext, container: Container, text: string): Promise<void> => {
  const signal = text === '' ? SIGKILL : signalNumber(text);
  const { record } = container;
  if (!isLive(record)) throw engineErrors.notRunning({ name: record.name });
  const ends = signal === SIGKILL || signal === stopSignalOf(container, undefined);
  const ended = exited(container);
  if (ends) context.background(context.containers.save(container, { stoppedByUser: true }));
  emitContainer(context, container, 'kill', { signal: String(signal) });
  await send(context, container, signal);
  if (ends) await resumeIfPaused(context, container);
  if (signal === SIGKILL) await ended;
};

export const pause = (context: EngineContext, container: Container): Promise<void> =>
  container.queue.run(async () => {
    const { state, name } = container.record;
    if (state.kind === 'paused') throw engineErrors.alreadyPaused({ name });
    if (state.kind !== 'running') throw engineErrors.notRunning({ name });
    await context.runtime.pause(container.id);
    await context.containers.save(container, { state: { ...state, kind: 'paused' } });
    emitContainer(context, container, 'pause');
  });

export const unpause = (context: EngineContext, container: Container): Promise<void> =>
  container.queue.run(async () => {
    const { state, name } = container.record;
    if (state.kind !== 'paused') throw engineErrors.notPaused({ name });
    await context.runtime.resume(container.id);
    await context.containers.save(container, { state: { ...state, kind: 'running' } });
    emitContainer(context, container, 'unpause');
  });

/** Removes; with force a live one is killed first. */
export const remove = async (
  context: EngineContext,
  container: Container,
  options: RemoveOptions = {},
): Promise<void> => {
  checkRemovable(container, options.force ?? false);
  await settle(context, container);
  if (isLive(container.record)) await kill(context, container, 'KILL');
  await container.queue.run(async () => {
    if (container.removing) return;
    checkRemovable(container, false);
    await removeNow(context, container, { volumes: options.volumes ?? false });
  });
};
