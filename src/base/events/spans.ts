import { channel } from 'node:diagnostics_channel';
import type { Emit, Subscription } from './channel.ts';

/** A finished piece of work; times are milliseconds of this process's clock, `performance.now()`. */
export interface Span {
  readonly name: string;
  /** What the work was for, for instance a container's ID. */
  readonly subject: string;
  readonly from: number;
  readonly to: number;
}

const spans = channel('lade.span');

/** Runs `work` and tells listeners how long it took, also when it failed. Costs nothing while nobody listens. */
export const span = async <T>(name: string, subject: string, work: () => T | Promise<T>): Promise<T> => {
  if (!spans.hasSubscribers) return await work();
  const from = performance.now();
  try {
    return await work();
  } finally {
    spans.publish({ name, subject, from, to: performance.now() } satisfies Span);
  }
};

/** Listens to the spans of the whole process: they are for looking at a program, never for its own work. */
export const onSpan = (listener: Emit<Span>): Subscription => {
  const receive = (message: unknown): void => listener(message as Span);
  spans.subscribe(receive);
  return {
    [Symbol.dispose]: () => {
      spans.unsubscribe(receive);
    },
  };
};
