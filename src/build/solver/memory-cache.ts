import type { CacheHit, KeyPart, SolverCache, StepRecord } from './types.ts';

/** A cache that lives as long as the process: for tests, and for runs that must not leave anything behind. */
export const createMemoryCache = <R>(): SolverCache<R> => {
  const results = new Map<string, CacheHit<R>>();
  const steps = new Map<string, StepRecord>();
  const known = new Map<string, readonly KeyPart[]>();
  return {
    lookup: (key) => results.get(key),
    store: ({ key, aliases, result }) => {
      for (const each of [key, ...aliases]) results.set(each, { result, canonicalKey: key });
      return Promise.resolve();
    },
    alias: (key, canonicalKey) => {
      const hit = results.get(canonicalKey);
      if (hit !== undefined) results.set(key, hit);
    },
    previous: (step) => steps.get(step),
    remember(step, key, { parts, inputs }) {
      if (parts !== undefined) known.set(key, parts);
      steps.set(step, { key, inputs: () => ({ parts: known.get(key) ?? [], inputs }) });
    },
  };
};
