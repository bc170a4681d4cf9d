import type { Cases } from './cases.ts';
import { dir, file, gone, hard, link, root, T } from './sources.ts';

export const REPLACING: Cases = {
  'files and directories take each other\u2019s place': [
    [root, dir('x'), file('x/inner', 'i'), file('y', 'y'), link('z', 'x')],
    [
      root,
      file('x', 'now a file'),
      dir('y'),
      file('y/inner', 'now a directory'),
      dir('z'),
      file('z/own', 'o'),
    ],
    [root, dir('x'), file('x/again', 'a')],
  ],
  'a directory becomes a link': [
    [root, dir('d'), file('d/x', 'x'), dir('e'), file('e/y', 'y')],
    [link('d', 'e'), file('d/z', 'z')],
    [file('d/later', 'l'), gone('d/y')],
  ],
  'a link becomes a directory': [
    [root, dir('e'), file('e/y', 'y'), link('d', 'e')],
    [dir('d'), file('d/z', 'z')],
  ],
  'devices and pipes take the place of files, and the reverse': [
    [root, file('a', 'a'), { path: 'b', kind: 'fifo', mtimeNs: T }, dir('c'), file('c/in', 'i')],
    [
      { path: 'a', kind: 'char', major: 5, minor: 1, mtimeNs: T },
      file('b', 'b'),
      { path: 'c', kind: 'fifo', mtimeNs: T },
    ],
  ],
  'one name several times in a layer': [
    [
      root,
      file('a', '1'),
      file('a', '2', { mode: 0o600 }),
      dir('b'),
      file('b/x', 'x'),
      file('b', 'f'),
      dir('c'),
      file('c/x', 'x'),
      dir('c', { mode: 0o700, mtimeNs: T + 1n }),
      file('e', '1'),
      dir('e'),
      file('e/x', 'x'),
      file('h', '1'),
      hard('i', 'h'),
      file('h', '2'),
      link('s', 'c'),
      dir('s'),
      file('s/own', 'o'),
    ],
  ],
  'parents that a layer does not name': [
    [root, dir('p', { mode: 0o711, uid: 5 }), dir('p/q', { mode: 0o700, gid: 9 }), file('p/q/one', '1')],
    [file('p/q/two', '2'), file('new/deep/three', '3')],
  ],
  'a parent that comes behind its content': [[root, file('d/a', 'a'), dir('d', { mode: 0o710 })]],
  'a parent that was whited out': [
    [root, dir('p', { mode: 0o700 }), file('p/o', 'o')],
    [gone('p'), file('p/x', 'x')],
  ],
  'no entry for the root': [[file('a', 'a')], [file('b', 'b')]],
  'a file as a parent is refused': [[root, file('p', 'p')], [file('p/x', 'x')]],
  'a root that is a file is refused': [[file('.', 'x')]],
  'a root that is a link is refused': [[link('.', 'x')]],
};
