import type { PullCount, PullStore } from '#metadata';
import type { ProtocolObserver } from '#protocol';

const FLUSH_MS = 1000;

/** An observer that counts pulls by digest and by tag, and tells another observer everything. */
export interface PullCounter extends ProtocolObserver, AsyncDisposable {
  /** Writes down what was counted. */
  flush(): Promise<void>;
}

type Counted = { -readonly [K in keyof PullCount]: PullCount[K] };

/** Counts in memory and writes every second: a pull writes nothing by itself. */
export const createPullCounter = (store: PullStore, next: ProtocolObserver = {}): PullCounter => {
  let counted = new Map<string, Counted>();
  let timer: NodeJS.Timeout | undefined;

  const flush = async (): Promise<void> => {
    clearTimeout(timer);
    timer = undefined;
    const pulls = [...counted.values()];
    counted = new Map();
    if (pulls.length > 0) await store.addPulls(pulls);
  };

  const count = (repository: string, kind: PullCount['kind'], name: string): void => {
    const key = `${kind} ${repository} ${name}`;
    const found = counted.get(key);
    if (found === undefined) counted.set(key, { repository, kind, name, count: 1, lastMs: Date.now() });
    else {
      found.count += 1;
      found.lastMs = Date.now();
    }
  };

  const flushLater = (): void => {
    timer ??= setTimeout(() => {
      flush().catch((error: unknown) => next.failed?.({ method: 'PULL', path: '', error }));
    }, FLUSH_MS).unref();
  };

  return {
    ...next,
    pulled: (pull) => {
      next.pulled?.(pull);
      count(pull.repository, 'digest', pull.digest);
      if (pull.tag !== undefined) count(pull.repository, 'tag', pull.tag);
      flushLater();
    },
    flush,
    [Symbol.asyncDispose]: flush,
  };
};
