/** A source that can be told to wait. */
export interface Pausable {
  pause(): unknown;
  resume(): unknown;
}

/** Connects a pushing source with one reader; holds the source back above `highWaterBytes`. */
export interface ChunkQueue<T> extends AsyncIterable<T> {
  push(value: T, bytes: number): void;
  end(error?: Error): void;
}

const DEFAULT_HIGH_WATER_BYTES = 1024 * 1024;

interface QueueState<T> {
  readonly values: { readonly value: T; readonly bytes: number }[];
  queuedBytes: number;
  ended: boolean;
  error: Error | undefined;
  paused: boolean;
  wake: (() => void) | undefined;
}

const wakeReader = <T>(state: QueueState<T>): void => {
  state.wake?.();
  state.wake = undefined;
};

const takeFrom = <T>(state: QueueState<T>, source: Pausable, highWaterBytes: number): T | undefined => {
  const entry = state.values.shift();
  if (entry === undefined) return undefined;
  state.queuedBytes -= entry.bytes;
  if (state.paused && state.queuedBytes < highWaterBytes / 2) {
    state.paused = false;
    source.resume();
  }
  return entry.value;
};

/**
 * A queue between events and `for await`. What was pushed before `end` is still delivered; one reader only.
 * A reader that stops early lets the source run free again and drops what comes.
 */
export const createChunkQueue = <T>(
  source: Pausable,
  highWaterBytes = DEFAULT_HIGH_WATER_BYTES,
): ChunkQueue<T> => {
  const state: QueueState<T> = {
    values: [],
    queuedBytes: 0,
    ended: false,
    error: undefined,
    paused: false,
    wake: undefined,
  };
  const end = (error?: Error): void => {
    state.ended = true;
    state.error ??= error;
    wakeReader(state);
  };
  return {
    push(value, bytes) {
      if (state.ended) return;
      state.values.push({ value, bytes });
      state.queuedBytes += bytes;
      if (state.queuedBytes >= highWaterBytes && !state.paused) {
        state.paused = true;
        source.pause();
      }
      wakeReader(state);
    },
    end,
    async *[Symbol.asyncIterator]() {
      try {
        for (;;) {
          const value = takeFrom(state, source, highWaterBytes);
          if (value !== undefined) yield value;
          else if (state.error !== undefined) throw state.error;
          else if (state.ended) return;
          else await new Promise<void>((resolve) => (state.wake = resolve));
        }
      } finally {
        end();
        state.values.length = 0;
        source.resume();
      }
    },
  };
};
