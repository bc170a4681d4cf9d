import { decodeName } from '#tar';
import type { Cases } from './cases.ts';
import { dir, file, link, root } from './sources.ts';

const ODD = [
  '-',
  '+x',
  ' ',
  '.hidden',
  '..data',
  '...',
  'a\nb',
  '\x7f\x01',
  'é',
  '日本',
  '😀',
  '\uE000',
  'a.wh.b',
  'wh.',
];
const BYTES = [[0xff, 0x41], [0xc3], [0xed, 0xa0, 0x80], [0xf0, 0x9f]].map((bytes) =>
  decodeName(Buffer.from(bytes)),
);

/** A path of directories, `count` of them, whose names have `length` bytes. */
const deep = (count: number, length: number): string[] =>
  Array.from({ length: count }, (_, i) => Array.from({ length: i + 1 }, () => 'd'.repeat(length)).join('/'));

export const NAMES: Cases = {
  'names of all sorts': [
    [
      root,
      dir('n'),
      ...[...ODD, ...BYTES, 'l'.repeat(255), 'é'.repeat(127)].map((name) => file(`n/${name}`, name)),
      dir(BYTES[0] ?? ''),
      link(`${BYTES[0]}/link`, BYTES[1] ?? ''),
    ],
    [file(`${BYTES[0]}/more`, 'm'), file('n/.wh.a\nb', ''), file(`n/.wh.${BYTES[1]}`, '')],
  ],
  'directories of many names': [
    [
      root,
      dir('many'),
      ...Array.from({ length: 700 }, (_, i) =>
        file(`many/${(i * 7919) % 700}-${'p'.repeat(i % 90)}`, String(i)),
      ),
    ],
  ],
  'paths of 3,800 bytes, and of 400 names': [
    [
      root,
      ...deep(15, 250).map((path) => dir(path)),
      file(`${deep(15, 250).at(-1)}/end`, 'e'),
      ...deep(400, 1).map((path) => dir(path)),
      file(`${deep(400, 1).at(-1)}/end`, 'e'),
    ],
    [file(`${deep(15, 250).at(-1)}/second`, 's'), file(`${deep(15, 250).at(-1)}/.wh.end`, '')],
  ],
  'absolute names, and names with dots inside the root': [
    [root, file('/abs', 'x'), file('//twice', 'x'), dir('./a/'), file('a/./b', 'x'), file('a/../c', 'x')],
  ],
  'a name of 256 bytes is refused': [[root, file('n'.repeat(256), 'x')]],
};
