import type { PlannedStep } from '#steps';
import type { BuildVertex } from './site.ts';

/** Finds vertices of several graphs that are the same work: they become one, which is carried out once. */
export interface VertexShare {
  /** The vertex to use instead: an equal one that came before, or this one. */
  take(vertex: BuildVertex, step?: PlannedStep): BuildVertex;
  /** The ID of the vertex that took the place of the one with this ID; undefined when none did. */
  aliasOf(id: string): string | undefined;
}

/** Maps as lists, so that everything an operation holds is in the text. */
const withMaps = (_key: string, value: unknown): unknown => (value instanceof Map ? [...value] : value);

/**
 * Two vertices are the same work when their operations, their definitions and their inputs are: what they read beside
 * those is the same for all graphs of a build.
 */
export const createVertexShare = (): VertexShare => {
  const known = new Map<string, BuildVertex>();
  const numbers = new Map<BuildVertex, number>();
  const aliases = new Map<string, string>();
  const take: VertexShare['take'] = (vertex, step) => {
    if (numbers.has(vertex)) return vertex;
    const inputs = vertex.inputs.map((input) => ({ ...input, vertex: take(input.vertex, step) }));
    const { definition, ignoreCache, transient } = vertex;
    const named = inputs.map(({ vertex: input, by }) => [by, numbers.get(input)]);
    const text = JSON.stringify([step?.operation, definition, ignoreCache, transient, named], withMaps);
    const same = known.get(text);
    if (same !== undefined) {
      if (same.id !== vertex.id) aliases.set(vertex.id, same.id);
      return same;
    }
    const own = { ...vertex, inputs };
    known.set(text, own);
    numbers.set(own, numbers.size);
    return own;
  };
  return { take, aliasOf: (id) => aliases.get(id) };
};

/** For a single graph: every vertex is itself. */
export const createNoShare = (): VertexShare => ({ take: (vertex) => vertex, aliasOf: () => undefined });
