import type { SolveEvent, Vertex } from '#solver';
import type { StepResult } from './build-cache.ts';
import type { ExchangedResult } from './document.ts';

/** Gathers the results of a build for `--cache-to`. */
export interface CacheRecorder {
  add(event: SolveEvent<StepResult>): void;
  /** `min`: only what the targets are made of; `max`: every step that was found or carried out. */
  results(mode: 'min' | 'max', targets: readonly Vertex<StepResult>[]): readonly ExchangedResult[];
}

/** The vertices whose layers or files are in the results of `targets`, but for files that were copied. */
const partsOf = (targets: readonly Vertex<StepResult>[]): ReadonlySet<Vertex<StepResult>> => {
  const found = new Set<Vertex<StepResult>>();
  const waiting = [...targets];
  for (let vertex = waiting.pop(); vertex !== undefined; vertex = waiting.pop()) {
    if (found.has(vertex)) continue;
    found.add(vertex);
    waiting.push(...vertex.inputs.filter(({ by }) => by === 'key').map((input) => input.vertex));
  }
  return found;
};

export const createCacheRecorder = (): CacheRecorder => {
  const known = new Map<Vertex<StepResult>, ExchangedResult>();
  return {
    add(event) {
      if (event.kind !== 'cached' && event.kind !== 'done') return;
      if (event.keys === undefined || event.vertex.transient === true) return;
      known.set(event.vertex, { ...event.keys, result: event.result });
    },
    results(mode, targets) {
      const wanted = mode === 'min' ? partsOf(targets) : undefined;
      return [...known]
        .filter(([vertex]) => wanted?.has(vertex) ?? true)
        .map(([, result]) => result)
        .toSorted((a, b) => (a.key < b.key ? -1 : 1));
    },
  };
};
