import { keyOf } from './key.ts';
import type { CacheHit, KeyInputs, KeyPart, ResultKeys, SolverCache, StepInputs, Vertex } from './types.ts';

/** Everything that is known of a vertex before anything is carried out for it. */
export interface Identity<R> {
  readonly keys: ResultKeys;
  /** Without parts when the vertex was found by the keys of its inputs although their content counts. */
  readonly ingredients: StepInputs;
  readonly hit: CacheHit<R> | undefined;
  /** Its result is in the cache, or that of all that it is put together of. */
  readonly known: boolean;
  /** Its result under the same key is another one than before: `ignoreCache`, or an input of which that is true. */
  readonly fresh: boolean;
}

export interface IdentifyDependencies<R> {
  readonly cache: SolverCache<R>;
  readonly signal: AbortSignal;
  /** Whether a result contains that of a `part` input. */
  readonly contains: (result: R, part: R) => boolean;
  readonly identify: (vertex: Vertex<R>) => Promise<Identity<R>>;
  readonly materialize: (vertex: Vertex<R>) => Promise<R>;
  readonly turn: () => Promise<void> | undefined;
}

const keyInputs = <R>(
  vertex: Vertex<R>,
  inputs: readonly Identity<R>[],
  onlyByKey: boolean,
): KeyInputs['inputs'] =>
  vertex.inputs.flatMap((input, index) =>
    onlyByKey && input.by === 'content'
      ? []
      : [{ step: input.vertex.step, key: inputs[index]?.keys.key ?? '' }],
  );

/** Whether a result of the cache stands on what its `part` inputs are now. */
const stands = <R>(
  { contains }: IdentifyDependencies<R>,
  { vertex, inputs }: Prepared<R>,
  hit: CacheHit<R>,
): boolean =>
  vertex.inputs.every((input, index) => {
    if (input.part !== true) return true;
    const below = inputs[index];
    if (below === undefined || !below.known) return false;
    return below.hit === undefined || contains(hit.result, below.hit.result);
  });

interface Prepared<R> {
  readonly vertex: Vertex<R>;
  readonly inputs: readonly Identity<R>[];
  readonly direct: KeyInputs;
}

const lookUp = async <R>(
  dependencies: IdentifyDependencies<R>,
  prepared: Prepared<R>,
  key: string,
): Promise<CacheHit<R> | undefined> => {
  const { vertex } = prepared;
  if (vertex.ignoreCache === true || vertex.transient === true) return undefined;
  const hit = await dependencies.cache.lookup(key, vertex.step);
  return hit !== undefined && stands(dependencies, prepared, hit) ? hit : undefined;
};

/** The ingredients with the content of the inputs instead of their keys. */
const byContent = async <R>(
  { signal, materialize }: IdentifyDependencies<R>,
  { vertex, inputs, direct }: Prepared<R>,
): Promise<KeyInputs> => {
  const wanted = vertex.inputs.filter((input) => input.by === 'content');
  const results = await Promise.all(wanted.map((input) => materialize(input.vertex)));
  signal.throwIfAborted();
  const content: readonly KeyPart[] = (await vertex.contentOf?.(results, signal)) ?? [];
  return { parts: [...direct.parts, ...content], inputs: keyInputs(vertex, inputs, true) };
};

/** Finds a vertex that takes inputs by content, once their keys alone did not. */
const identifyByContent = async <R>(
  dependencies: IdentifyDependencies<R>,
  prepared: Prepared<R>,
  state: { readonly directKey: string; readonly fresh: boolean },
): Promise<Identity<R>> => {
  const { directKey, fresh } = state;
  const ingredients = await byContent(dependencies, prepared);
  const key = keyOf(ingredients);
  const aliases = [directKey];
  const hit = fresh ? undefined : await lookUp(dependencies, prepared, key);
  if (hit === undefined) return { keys: { key, aliases }, ingredients, hit, known: false, fresh };
  await dependencies.cache.alias(directKey, hit.canonicalKey);
  return { keys: { key: hit.canonicalKey, aliases }, ingredients, hit, known: true, fresh };
};

/** Finds the key of a vertex and what the cache has for it; carries inputs out only where their content is asked for. */
export const identifyVertex = async <R>(
  dependencies: IdentifyDependencies<R>,
  vertex: Vertex<R>,
): Promise<Identity<R>> => {
  const { signal, identify, turn } = dependencies;
  // Inputs are asked in a turn of their own, so that a long chain does not fill the call stack.
  await Promise.resolve();
  const inputs = await Promise.all(vertex.inputs.map((input) => identify(input.vertex)));
  await turn();
  signal.throwIfAborted();
  const sources = (await vertex.sources?.(signal)) ?? [];
  const direct = { parts: [...vertex.definition, ...sources], inputs: keyInputs(vertex, inputs, false) };
  const prepared = { vertex, inputs, direct };
  const directKey = keyOf(direct);
  const counted = vertex.inputs.some((input) => input.by === 'content');
  const freshBy = (by: 'key' | 'content'): boolean =>
    vertex.inputs.some((input, index) => input.by === by && inputs[index]?.fresh === true);
  const fresh = vertex.ignoreCache === true || freshBy('key');
  const hit = fresh || freshBy('content') ? undefined : await lookUp(dependencies, prepared, directKey);
  if (hit !== undefined) {
    const aliases = hit.canonicalKey === directKey ? [] : [directKey];
    return {
      keys: { key: hit.canonicalKey, aliases },
      ingredients: counted ? { parts: undefined, inputs: keyInputs(vertex, inputs, true) } : direct,
      hit,
      known: true,
      fresh,
    };
  }
  if (counted) return await identifyByContent(dependencies, prepared, { directKey, fresh });
  const known = vertex.transient === true && inputs.every((input) => input.known);
  return { keys: { key: directKey, aliases: [] }, ingredients: direct, hit: undefined, known, fresh };
};
