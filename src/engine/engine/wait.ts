import { nextLifeEvent, type Container, type LifeEvent } from './container.ts';
import { isLive } from './record.ts';
import type { WaitCondition, WaitResult } from './types.ts';

const resultNow = (container: Container): WaitResult => {
  const { state } = container.record;
  if (state.kind === 'exited' || state.kind === 'created') {
    return { exitCode: state.exitCode, ...(state.error === '' ? {} : { error: state.error }) };
  }
  return { exitCode: 0 };
};

const selectFor =
  (condition: WaitCondition, container: Container) =>
  (event: LifeEvent): WaitResult | undefined => {
    if (event.kind === 'removed') return resultNow(container);
    if (condition === 'removed') return undefined;
    if (event.kind === 'settled') return condition === 'not-running' ? resultNow(container) : undefined;
    if (condition === 'not-running' && event.restarting) return undefined;
    return { exitCode: event.exit.exitCode };
  };

/** Waits for a container's end, next end or removal. Registered when this returns. */
export const wait = (
  container: Container,
  options: { readonly condition?: WaitCondition | undefined; readonly signal?: AbortSignal | undefined } = {},
): { readonly ready: Promise<void>; readonly result: Promise<WaitResult> } => {
  const condition = options.condition ?? 'not-running';
  const { state } = container.record;
  const restarting = state.kind === 'exited' && state.restarting;
  const result =
    condition === 'not-running' && !isLive(container.record) && !restarting
      ? Promise.resolve(resultNow(container))
      : nextLifeEvent(container, selectFor(condition, container), options.signal);
  result.catch(() => undefined);
  return { ready: Promise.resolve(), result };
};
