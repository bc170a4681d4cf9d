import { availableParallelism } from 'node:os';
import type { Emit } from '#events';
import { solverErrors } from './errors.ts';
import { differencesOf, keyOf } from './key.ts';
import { createSlots, type Slots } from './slots.ts';
import type { KeyDifference, KeyInputs, KeyPart, SolveEvent, SolverCache, Vertex } from './types.ts';

export interface SolveOptions<R> {
  readonly cache: SolverCache<R>;
  readonly emit: Emit<SolveEvent<R>>;
  readonly signal?: AbortSignal | undefined;
  /** How many vertices execute at once (default: the processors). */
  readonly parallelism?: number | undefined;
}

/** A vertex that has its result. */
interface Solved<R> {
  readonly key: string;
  readonly result: R;
}

interface Run<R> {
  readonly options: SolveOptions<R>;
  readonly signal: AbortSignal;
  readonly slots: Slots;
  readonly jobs: Map<Vertex<R>, Promise<Solved<R>>>;
  /** Stops everything that still works; the first reason is what the caller gets. */
  fail(error: unknown): void;
}

/** Everything known about a vertex once its inputs are solved. */
interface Prepared<R> {
  readonly vertex: Vertex<R>;
  readonly inputs: readonly Solved<R>[];
  /** The key that counts all inputs by their keys. */
  readonly direct: KeyInputs;
}

interface Missed {
  readonly key: string;
  readonly aliases: readonly string[];
  readonly ingredients: KeyInputs;
}

type LookedUp<R> =
  | { readonly kind: 'hit'; readonly solved: Solved<R>; readonly ingredients: KeyInputs | undefined }
  | { readonly kind: 'miss'; readonly missed: Missed };

const refuseCycles = <R>(targets: readonly Vertex<R>[]): void => {
  const state = new Map<Vertex<R>, 'open' | 'closed'>();
  // A stack of its own: chains may be longer than the call stack is deep.
  const waiting = [...targets];
  for (let vertex = waiting.at(-1); vertex !== undefined; vertex = waiting.at(-1)) {
    if (state.has(vertex)) {
      state.set(vertex, 'closed');
      waiting.pop();
      continue;
    }
    state.set(vertex, 'open');
    for (const input of vertex.inputs) {
      const known = state.get(input.vertex);
      if (known === 'open') throw solverErrors.cycle({ id: input.vertex.id });
      if (known === undefined) waiting.push(input.vertex);
    }
  }
};

const keyInputs = <R>(
  vertex: Vertex<R>,
  inputs: readonly Solved<R>[],
  onlyByKey: boolean,
): KeyInputs['inputs'] =>
  vertex.inputs.flatMap((input, index) =>
    onlyByKey && input.by === 'content' ? [] : [{ step: input.vertex.step, key: inputs[index]?.key ?? '' }],
  );

const prepare = async <R>(run: Run<R>, vertex: Vertex<R>): Promise<Prepared<R>> => {
  const inputs = await Promise.all(vertex.inputs.map((input) => solveVertex(run, input.vertex)));
  run.signal.throwIfAborted();
  const sources = (await vertex.sources?.(run.signal)) ?? [];
  const parts = [...vertex.definition, ...sources];
  return { vertex, inputs, direct: { parts, inputs: keyInputs(vertex, inputs, false) } };
};

/** The ingredients with the content of the inputs instead of their keys. */
const byContent = async <R>(run: Run<R>, { vertex, inputs, direct }: Prepared<R>): Promise<KeyInputs> => {
  const results = inputs.map((input) => input.result);
  const content: readonly KeyPart[] = (await vertex.contentOf?.(results, run.signal)) ?? [];
  return { parts: [...direct.parts, ...content], inputs: keyInputs(vertex, inputs, true) };
};

const lookUp = async <R>(run: Run<R>, prepared: Prepared<R>): Promise<LookedUp<R>> => {
  const { cache } = run.options;
  const { vertex, direct } = prepared;
  const looksUp = vertex.ignoreCache !== true && vertex.transient !== true;
  const directKey = keyOf(direct);
  const hit = looksUp ? await cache.lookup(directKey) : undefined;
  const counted = vertex.inputs.some((input) => input.by === 'content');
  if (hit !== undefined) {
    const solved = { key: hit.canonicalKey, result: hit.result };
    return { kind: 'hit', solved, ingredients: counted ? undefined : direct };
  }
  if (!counted) return { kind: 'miss', missed: { key: directKey, aliases: [], ingredients: direct } };
  const ingredients = await byContent(run, prepared);
  const key = keyOf(ingredients);
  const second = looksUp ? await cache.lookup(key) : undefined;
  if (second === undefined) return { kind: 'miss', missed: { key, aliases: [directKey], ingredients } };
  await cache.alias(directKey, second.canonicalKey);
  return { kind: 'hit', solved: { key: second.canonicalKey, result: second.result }, ingredients };
};

const takeHit = <R>(run: Run<R>, vertex: Vertex<R>, hit: LookedUp<R> & { kind: 'hit' }): Solved<R> => {
  const { cache, emit } = run.options;
  const { solved, ingredients } = hit;
  if (ingredients !== undefined && cache.previous(vertex.step)?.key !== solved.key) {
    cache.remember(vertex.step, solved.key, ingredients);
  }
  emit({ kind: 'cached', vertex, result: solved.result });
  return solved;
};

const reasonsOf = <R>(run: Run<R>, vertex: Vertex<R>, missed: Missed): readonly KeyDifference[] => {
  if (vertex.transient === true) return [];
  if (vertex.ignoreCache === true) return [{ kind: 'ignored-cache' }];
  return differencesOf(run.options.cache.previous(vertex.step), missed.ingredients);
};

const execute = async <R>(
  run: Run<R>,
  { vertex, inputs }: Prepared<R>,
  missed: Missed,
): Promise<Solved<R>> => {
  const { cache, emit } = run.options;
  const { key, aliases, ingredients } = missed;
  emit({ kind: 'started', vertex, differences: reasonsOf(run, vertex, missed) });
  const from = performance.now();
  try {
    const results = inputs.map((input) => input.result);
    const result = await vertex.execute({ inputs: results, key, signal: run.signal });
    if (vertex.transient !== true) {
      await cache.store({ key, aliases, result });
      cache.remember(vertex.step, key, ingredients);
    }
    emit({ kind: 'done', vertex, result, durationMs: performance.now() - from });
    return { key, result };
  } catch (error) {
    const durationMs = performance.now() - from;
    if (run.signal.aborted) emit({ kind: 'cancelled', vertex });
    else emit({ kind: 'failed', vertex, error, durationMs });
    run.fail(error);
    throw error;
  }
};

const work = async <R>(run: Run<R>, vertex: Vertex<R>): Promise<Solved<R>> => {
  // Inputs are asked in a turn of their own, so that a long chain does not fill the call stack.
  await Promise.resolve();
  const prepared = await prepare(run, vertex);
  const found = await lookUp(run, prepared);
  if (found.kind === 'hit') return takeHit(run, vertex, found);
  return run.slots.run(run.signal, () => execute(run, prepared, found.missed));
};

/** One job for each vertex, whoever asks for it. */
const solveVertex = <R>(run: Run<R>, vertex: Vertex<R>): Promise<Solved<R>> => {
  const known = run.jobs.get(vertex);
  if (known !== undefined) return known;
  const job = work(run, vertex);
  run.jobs.set(vertex, job);
  job.catch((error: unknown) => run.fail(error));
  return job;
};

/** Waits until nothing works any more, also for vertices that were asked for meanwhile. */
const settle = async <R>(run: Run<R>): Promise<void> => {
  for (let known = -1; known !== run.jobs.size;) {
    known = run.jobs.size;
    await Promise.allSettled(run.jobs.values());
  }
};

/**
 * Solves `targets` and what they need; anything else in the graph is never touched.
 *
 * Independent vertices work at once. The first failure, or an abort of the caller, aborts all others; the promise
 * rejects with that first reason once none of them works any more. Results of vertices that were done stay cached.
 */
export const solve = async <R>(
  targets: readonly Vertex<R>[],
  options: SolveOptions<R>,
): Promise<readonly R[]> => {
  refuseCycles(targets);
  const controller = new AbortController();
  const signal =
    options.signal === undefined ? controller.signal : AbortSignal.any([options.signal, controller.signal]);
  const run: Run<R> = {
    options,
    signal,
    slots: createSlots(options.parallelism ?? availableParallelism()),
    jobs: new Map(),
    fail: (error) => controller.abort(error),
  };
  const outcome = Promise.all(targets.map((target) => solveVertex(run, target)));
  await Promise.allSettled([outcome]);
  await settle(run);
  options.signal?.throwIfAborted();
  if (controller.signal.aborted) throw controller.signal.reason;
  return (await outcome).map((solved) => solved.result);
};
