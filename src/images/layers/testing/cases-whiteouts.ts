import type { Cases } from './cases.ts';
import { dir, file, gone, hard, link, opaque, root } from './sources.ts';

const below = [
  root,
  dir('d'),
  file('d/old', 'o'),
  dir('d/s'),
  file('d/s/x', 'x'),
  file('f', 'old'),
  link('l', 'd'),
];

export const WHITEOUTS: Cases = {
  'whiteouts and opaque directories': [
    [
      root,
      dir('a'),
      file('a/1', '1'),
      file('a/2', '2'),
      dir('b'),
      dir('b/c'),
      file('b/c/x', 'x'),
      file('top', 't'),
      dir('e'),
      file('e/f', 'f'),
    ],
    [root, dir('a'), gone('a/1'), dir('b'), opaque('b'), file('b/new', 'n'), gone('top'), gone('e')],
    [root, dir('b'), dir('b/c'), file('b/c/y', 'y'), dir('e'), file('e/g', 'g')],
  ],
  'a whiteout before what comes again': [
    below,
    [gone('d'), dir('d', { mode: 0o700 }), file('d/new', 'n'), gone('f'), file('f', 'new')],
  ],
  'a whiteout behind what comes again': [
    below,
    [dir('d', { mode: 0o700 }), file('d/new', 'n'), gone('d'), file('f', 'new'), gone('f')],
  ],
  'opaque before the entries': [below, [dir('d'), opaque('d'), file('d/new', 'n'), dir('d/s')]],
  'opaque behind the entries': [
    below,
    [dir('d'), file('d/new', 'n'), dir('d/s'), file('d/s/y', 'y'), opaque('d')],
  ],
  'opaque between the entries': [below, [file('d/new', 'n'), opaque('d'), file('d/s/y', 'y')]],
  'opaque where the layer does not name the directory': [
    [root, dir('d', { mode: 0o700 }), file('d/old', 'o')],
    [opaque('d'), file('d/new', 'n')],
  ],
  'an opaque root': [below, [opaque(''), file('g', 'g')]],
  'an opaque root behind the entries': [below, [file('g', 'g'), opaque('')]],
  'opaque in the lowest layer': [[root, dir('d'), file('d/x', 'x'), opaque('d'), file('d/y', 'y')]],
  'opaque twice': [below, [opaque('d'), file('d/one', '1')], [opaque('d'), file('d/two', '2')]],
  'a whiteout inside an opaque directory': [below, [opaque('d'), gone('d/old'), dir('d'), gone('d/s')]],
  'a whiteout of nothing': [
    [root, file('a', 'x')],
    [gone('b'), gone('q/r'), gone('q/s/t')],
  ],
  'opaque markers and whiteouts in what is no directory': [
    [root, file('f', 'a'), link('l', 'no/where'), dir('d'), file('d/x', 'x')],
    [opaque('q/r'), opaque('f'), gone('f/x'), gone('l/x'), opaque('l'), gone('d'), opaque('d'), gone('d/x')],
  ],
  'an opaque marker in nothing in the lowest layer': [[root, opaque('q/r')]],
  'a whiteout of what its own layer has': [[root, file('a', 'x'), gone('a')]],
  'a whiteout of one name of a hard link': [[root, file('a', 'x'), hard('b', 'a')], [gone('a')]],
  'a whiteout, then the name again above it': [
    below,
    [gone('d')],
    [dir('d'), file('d/third', '3')],
    [gone('d/third')],
  ],
  'a whiteout behind a link': [below, [gone('l/old')]],
  'a whiteout of a link': [below, [gone('l')]],
  'opaque behind a link': [below, [opaque('l')]],
  'a parent of a whiteout that is whited out': [below, [gone('d'), gone('d/s/x')]],
  'a whiteout that is no file': [below, [dir('d/.wh.old'), link('.wh.f', 'x')]],
  'directories whose names begin as whiteouts do': [[root, dir('.wh.d'), file('.wh.d/f', 'f')]],
  'times of directories whose content changes': [
    [root, dir('d'), file('d/a', 'a')],
    [file('d/b', 'b')],
    [gone('d/a')],
  ],
};
