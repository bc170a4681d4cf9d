import { createHash } from 'node:crypto';
import type { Vertex } from './types.ts';

/**
 * What results of vertices may depend on and their keys do not say: their own, and that of the inputs they take by key.
 * The content of an input that is taken by content is in the key. `order` has inputs before what uses them.
 */
export const unkeyedOf = <R>(order: readonly Vertex<R>[]): ReadonlyMap<Vertex<R>, string> => {
  const found = new Map<Vertex<R>, string>();
  for (const vertex of order) {
    const below = vertex.inputs.map(({ vertex: input, by }) => (by === 'key' ? found.get(input) : undefined));
    const all = [vertex.unkeyed, ...below].filter((one) => one !== undefined);
    const [first] = all;
    if (first === undefined) continue;
    const isOne = all.every((one) => one === first);
    found.set(vertex, isOne ? first : createHash('sha256').update(JSON.stringify(all)).digest('hex'));
  }
  return found;
};
