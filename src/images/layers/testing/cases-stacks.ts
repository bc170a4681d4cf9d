import type { TarSource } from '#tar';
import type { CaseLayer, Cases } from './cases.ts';
import { dir, file, gone, hard, opaque, root } from './sources.ts';

/** One of many layers: its own file, one that all replace, and by its number a whiteout, a hard link, an opaque marker. */
const layerOf = (i: number): readonly TarSource[] => [
  ...(i % 10 === 0 ? [root] : []),
  file(`own-${i}`, String(i)),
  file('same', String(i)),
  ...(i % 25 === 1 ? [file(`implied/${i % 3}/file-${i}`, String(i))] : []),
  ...(i % 17 === 3 ? [gone(`own-${i - 1}`)] : []),
  ...(i % 23 === 5 && i % 17 !== 4 ? [hard(`linked-${i}`, `own-${i - 2}`)] : []),
  ...(i % 50 === 49 ? [dir('implied/1', { mode: 0o700 }), opaque('implied/1')] : []),
];

const stackOf = (count: number): readonly CaseLayer[] =>
  Array.from({ length: count }, (_, i) => (i === 0 ? [root, ...layerOf(1_000_000)] : layerOf(i)));

/** As many layers as an image of docker may have, and more. */
export const STACKS: Cases = {
  '127 layers': stackOf(127),
  '400 layers': stackOf(400),
};
