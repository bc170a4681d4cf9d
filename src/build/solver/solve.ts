import { availableParallelism } from 'node:os';
import type { Emit } from '#events';
import { solverErrors } from './errors.ts';
import type { Flights } from './flights.ts';
import { identifyVertex, type IdentifyDependencies, type Identity } from './identify.ts';
import { differencesOf } from './key.ts';
import { createSlots, type Slots } from './slots.ts';
import { createTurns } from './turns.ts';
import { unkeyedOf } from './unkeyed.ts';
import type { CacheHit, KeyDifference, SolveEvent, SolverCache, Vertex } from './types.ts';

export interface SolveOptions<R> {
  readonly cache: SolverCache<R>;
  readonly emit: Emit<SolveEvent<R>>;
  readonly signal?: AbortSignal | undefined;
  /** How many vertices execute at once (default: enough that steps which wait hold up no others). */
  readonly parallelism?: number | undefined;
  /** Shared by solves that use the same cache: what one carries out, the others wait for. */
  readonly flights?: Flights | undefined;
  /** Whether a result contains that of an input which is a `part` of it; yes unless given. */
  readonly contains?: ((result: R, part: R) => boolean) | undefined;
}

interface Run<R> {
  readonly options: SolveOptions<R>;
  readonly signal: AbortSignal;
  readonly slots: Slots;
  readonly identities: Map<Vertex<R>, Promise<Identity<R>>>;
  readonly results: Map<Vertex<R>, Promise<R>>;
  /** What is being stored; nobody who uses the results waits for it. */
  readonly storing: Set<Promise<void>>;
  readonly found: Map<Vertex<R>, Identity<R>>;
  /** What keys do not say, of the vertices where there is such a thing. */
  readonly unkeyed: ReadonlyMap<Vertex<R>, string>;
  /** Vertices of which something was told. */
  readonly told: Set<Vertex<R>>;
  readonly dependencies: IdentifyDependencies<R>;
  /** Stops everything that still works; the first reason is what the caller gets. */
  fail(error: unknown): void;
}

/** Commands mostly wait for a disk or a network. */
const LEAST_PARALLELISM = 16;

/** All vertices, inputs before what uses them. */
const orderOf = <R>(targets: readonly Vertex<R>[]): readonly Vertex<R>[] => {
  const order: Vertex<R>[] = [];
  const state = new Map<Vertex<R>, 'open' | 'closed'>();
  // A stack of its own: chains may be longer than the call stack is deep.
  const waiting = [...targets];
  for (let vertex = waiting.at(-1); vertex !== undefined; vertex = waiting.at(-1)) {
    if (state.has(vertex)) {
      if (state.get(vertex) === 'open') order.push(vertex);
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
  return order;
};

const tellHit = <R>(run: Run<R>, vertex: Vertex<R>, { keys, ingredients }: Identity<R>, result: R): void => {
  if (run.told.has(vertex)) return;
  run.told.add(vertex);
  const { cache, emit } = run.options;
  if (cache.previous(vertex.step)?.key !== keys.key) cache.remember(vertex.step, keys.key, ingredients);
  emit({ kind: 'cached', vertex, result, keys });
};

const reasonsOf = <R>(run: Run<R>, vertex: Vertex<R>, identity: Identity<R>): readonly KeyDifference[] => {
  const { cache } = run.options;
  if (vertex.transient === true) return [];
  if (vertex.ignoreCache === true) return [{ kind: 'ignored-cache' }];
  const { keys, ingredients, fresh } = identity;
  const { parts, inputs: stands } = ingredients;
  const differences =
    parts === undefined ? [] : differencesOf(cache.previous(vertex.step), { parts, inputs: stands });
  const changed = differences.filter(({ kind }) => kind !== 'evicted');
  if (fresh) {
    const inputs = vertex.inputs.filter((input) => run.found.get(input.vertex)?.fresh === true);
    const anew = inputs.map(({ vertex: { step } }): KeyDifference => ({ kind: 'input-changed', step }));
    return [...changed.filter(({ kind }) => kind !== 'input-changed'), ...anew];
  }
  if (identity.hit !== undefined || cache.wasEvicted?.(keys.key) === true) return [{ kind: 'evicted' }];
  return differences;
};

/** Follows a result that is stored beside what goes on; the solve ends, and fails, with it. */
const keep = <R>(run: Run<R>, storing: Promise<void>, flight: Disposable | undefined): void => {
  const kept = storing
    .catch((error: unknown) => run.fail(error))
    .finally(() => {
      flight?.[Symbol.dispose]();
      run.storing.delete(kept);
    });
  run.storing.add(kept);
};

interface Made<R> {
  readonly result: R;
  readonly storing: Promise<void>;
}

const carryOut = async <R>(run: Run<R>, vertex: Vertex<R>, identity: Identity<R>): Promise<Made<R>> => {
  const { cache, emit } = run.options;
  const { keys, ingredients } = identity;
  const inputs = await Promise.all(vertex.inputs.map((input) => materialize(run, input.vertex)));
  run.signal.throwIfAborted();
  emit({ kind: 'started', vertex, differences: reasonsOf(run, vertex, identity) });
  run.told.add(vertex);
  const from = performance.now();
  try {
    const result = await vertex.execute({ inputs, key: keys.key, signal: run.signal });
    const stored = vertex.transient === true ? undefined : keys;
    const entry = stored === undefined ? undefined : { ...stored, result, step: vertex.step };
    const storing = entry === undefined ? Promise.resolve() : cache.store(entry);
    if (entry !== undefined) cache.remember(vertex.step, entry.key, ingredients);
    emit({ kind: 'done', vertex, result, durationMs: performance.now() - from, keys: stored });
    return { result, storing };
  } catch (error) {
    const durationMs = performance.now() - from;
    if (run.signal.aborted) emit({ kind: 'cancelled', vertex });
    else emit({ kind: 'failed', vertex, error, durationMs });
    run.fail(error);
    throw error;
  }
};

const aborted = (signal: AbortSignal, done: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true, signal: done });
  });

/** Waits until another solve has carried out the same; what it stored, or nothing when it failed. */
const awaitOther = async <R>(
  run: Run<R>,
  key: string,
  other: Promise<void>,
): Promise<CacheHit<R> | undefined> => {
  const done = new AbortController();
  await Promise.race([other, aborted(run.signal, done.signal)]);
  done.abort();
  run.signal.throwIfAborted();
  const hit = await run.options.cache.lookup(key);
  return hit?.obtain === undefined ? hit : undefined;
};

const execute = async <R>(run: Run<R>, vertex: Vertex<R>, identity: Identity<R>): Promise<R> => {
  // Inputs first: whoever holds a slot or a flight waits for nobody.
  await Promise.all(vertex.inputs.map((input) => materialize(run, input.vertex)));
  run.signal.throwIfAborted();
  const parts = await Promise.all(
    vertex.inputs.filter(({ part }) => part === true).map((input) => materialize(run, input.vertex)),
  );
  const { contains } = run.dependencies;
  const { key } = identity.keys;
  const unkeyed = run.unkeyed.get(vertex);
  const name = unkeyed === undefined ? key : `${key} ${unkeyed}`;
  const flights = vertex.transient === true ? undefined : run.options.flights;
  const shared = vertex.ignoreCache === true || identity.fresh ? undefined : flights;
  for (let other = shared?.underway(name); other !== undefined; other = shared?.underway(name)) {
    const theirs = await awaitOther(run, key, other);
    if (theirs === undefined || !parts.every((part) => contains(theirs.result, part))) continue;
    tellHit(run, vertex, identity, theirs.result);
    return theirs.result;
  }
  const flight = flights?.begin(name);
  try {
    const { result, storing } = await run.slots.run(run.signal, () => carryOut(run, vertex, identity));
    keep(run, storing, flight);
    return result;
  } catch (error) {
    flight?.[Symbol.dispose]();
    throw error;
  }
};

/** Brings a hit's result here; undefined when that cannot be done, and the vertex has to be carried out. */
const obtain = async <R>(run: Run<R>, hit: CacheHit<R>): Promise<{ readonly result: R } | undefined> => {
  if (hit.obtain === undefined) return { result: hit.result };
  try {
    return { result: await hit.obtain(run.signal) };
  } catch {
    run.signal.throwIfAborted();
    return undefined;
  }
};

/** Tells the hits that a result which is here now consists of, the lowest first. */
const tellParts = <R>(run: Run<R>, vertex: Vertex<R>): void => {
  const parts: Vertex<R>[] = [];
  const waiting = [vertex];
  for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
    const below = at.inputs.filter(({ part, vertex: input }) => part === true && !run.told.has(input));
    for (const { vertex: input } of below) {
      parts.push(input);
      waiting.push(input);
    }
  }
  for (const part of parts.toReversed()) {
    const identity = run.found.get(part);
    if (identity?.hit !== undefined) tellHit(run, part, identity, identity.hit.result);
  }
};

const bring = async <R>(run: Run<R>, vertex: Vertex<R>): Promise<R> => {
  const identity = await run.dependencies.identify(vertex);
  const obtained = identity.hit === undefined ? undefined : await obtain(run, identity.hit);
  if (obtained === undefined) return await execute(run, vertex, identity);
  tellParts(run, vertex);
  tellHit(run, vertex, identity, obtained.result);
  return obtained.result;
};

/** The result of a vertex, from the cache or carried out: once, whoever asks for it. */
const materialize = <R>(run: Run<R>, vertex: Vertex<R>): Promise<R> => {
  const known = run.results.get(vertex);
  if (known !== undefined) return known;
  const job = bring(run, vertex);
  run.results.set(vertex, job);
  job.catch((error: unknown) => run.fail(error));
  return job;
};

/** Tells a hit; begins what is sure to be needed, because nothing that uses it can be in the cache. */
const follow = <R>(run: Run<R>, vertex: Vertex<R>, identity: Identity<R>): void => {
  const { cache } = run.options;
  run.found.set(vertex, identity);
  if (identity.hit !== undefined) {
    if (identity.hit.obtain === undefined) tellHit(run, vertex, identity, identity.hit.result);
    return;
  }
  // What is made anew is asked for by all that stand on it.
  const mayBeUnneeded =
    vertex.transient === true ||
    (!identity.fresh && (cache.sparse === true || cache.wasEvicted?.(identity.keys.key) === true));
  if (!mayBeUnneeded) void materialize(run, vertex);
};

const identify = <R>(run: Run<R>, vertex: Vertex<R>): Promise<Identity<R>> => {
  const known = run.identities.get(vertex);
  if (known !== undefined) return known;
  const job = identifyVertex(run.dependencies, vertex).then((identity) => {
    follow(run, vertex, identity);
    return identity;
  });
  run.identities.set(vertex, job);
  job.catch((error: unknown) => run.fail(error));
  return job;
};

/** Waits until nothing works any more, also for vertices that were asked for meanwhile. */
const settle = async <R>({ identities, results, storing }: Run<R>): Promise<void> => {
  for (let known = -1; known !== identities.size + results.size;) {
    known = identities.size + results.size;
    await Promise.allSettled([...identities.values(), ...results.values()]);
  }
  await Promise.all(storing);
};

/** Tells what nobody needed in the end: hits whose content stayed away, and vertices without a result. */
const tellUnneeded = <R>(run: Run<R>): void => {
  for (const [vertex, identity] of run.found) {
    if (run.told.has(vertex) || vertex.transient === true) continue;
    if (identity.hit === undefined) {
      run.options.cache.absent?.(identity.keys.key);
      run.options.emit({ kind: 'unneeded', vertex });
    } else tellHit(run, vertex, identity, identity.hit.result);
  }
};

const createRun = <R>(
  options: SolveOptions<R>,
  order: readonly Vertex<R>[],
  signal: AbortSignal,
  fail: (error: unknown) => void,
): Run<R> => {
  const parallelism = options.parallelism ?? Math.max(LEAST_PARALLELISM, 2 * availableParallelism());
  const run: Run<R> = {
    options,
    signal,
    slots: createSlots(parallelism),
    identities: new Map(),
    results: new Map(),
    storing: new Set(),
    found: new Map(),
    unkeyed: unkeyedOf(order),
    told: new Set(),
    fail,
    dependencies: {
      cache: options.cache,
      signal,
      contains: options.contains ?? (() => true),
      identify: (vertex) => identify(run, vertex),
      materialize: (vertex) => materialize(run, vertex),
      turn: createTurns(),
    },
  };
  return run;
};

/**
 * Solves `targets` and what they need; anything else in the graph is never touched.
 *
 * Independent vertices work at once. What the cache has is not carried out, and what only that needed is not either.
 * The first failure, or an abort of the caller, aborts all others; the promise rejects with that first reason once none
 * of them works any more. Results of vertices that were done stay cached.
 */
export const solve = async <R>(
  targets: readonly Vertex<R>[],
  options: SolveOptions<R>,
): Promise<readonly R[]> => {
  const order = orderOf(targets);
  const controller = new AbortController();
  const signal =
    options.signal === undefined ? controller.signal : AbortSignal.any([options.signal, controller.signal]);
  const run = createRun(options, order, signal, (error) => controller.abort(error));
  const outcome = Promise.all(targets.map((target) => materialize(run, target)));
  await Promise.allSettled([outcome]);
  await settle(run);
  options.signal?.throwIfAborted();
  if (controller.signal.aborted) throw controller.signal.reason;
  const results = await outcome;
  tellUnneeded(run);
  return results;
};
