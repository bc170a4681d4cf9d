import type { Cases } from './cases.ts';
import { dir, file, gone, hard, link, root, T } from './sources.ts';

export const LINKS: Cases = {
  'entries behind a link below': [
    [
      root,
      dir('usr'),
      dir('usr/lib', { mode: 0o751 }),
      file('usr/lib/a', 'a'),
      link('lib', 'usr/lib'),
      link('up', '../../usr'),
    ],
    [file('lib/b', 'b'), file('up/lib/c', 'c'), gone('lib/a')],
  ],
  'entries behind a link that leads nowhere': [[root, link('d', 'nowhere/deep')], [file('d/z', 'z')]],
  'entries behind links that lead out of the root': [
    [root, dir('t'), link('up', '../../..'), link('abs', '/t'), link('far', 't/../../../t')],
    [file('up/one', '1'), file('abs/two', '2'), file('far/three', '3')],
  ],
  'an entry behind a link to a file is refused': [[root, file('e', 'y'), link('d', 'e')], [file('d/z', 'z')]],
  'an entry behind links in a circle is refused': [
    [root, link('a', 'b'), link('b', 'a')],
    [file('a/x', 'x')],
  ],
  'hard links to files below': [
    [
      root,
      dir('h'),
      file('h/one', 'content', { mode: 0o640, uid: 42, xattrs: new Map([['user.k', Buffer.from('v')]]) }),
      link('h/s', 'one'),
    ],
    [hard('h/two', 'h/one'), hard('three', 'h/one'), hard('h/s2', 'h/s')],
  ],
  'a hard link to one of several names below': [
    [root, file('a', 'x'), dir('d'), hard('d/b', 'a'), hard('d/gone', 'a'), hard('d/new', 'a')],
    [gone('d/gone'), file('d/new', 'n'), hard('c', 'a')],
    [hard('e', 'd/b')],
  ],
  'hard links to files two layers below, whose first name is replaced': [
    [root, file('a', 'x')],
    [hard('c', 'a')],
    [file('a', 'y')],
    [hard('d', 'c')],
  ],
  'hard links to pipes and devices below': [
    [
      root,
      { path: 'p', kind: 'fifo', mtimeNs: T },
      { path: 'n', kind: 'char', major: 1, minor: 3, mtimeNs: T },
    ],
    [hard('p2', 'p'), hard('n2', 'n')],
  ],
  'a hard link with other attributes than its file': [
    [
      root,
      file('a', 'x', { mode: 0o600, uid: 1 }),
      hard('b', 'a', { mode: 0o755, uid: 5, gid: 6, mtimeNs: T + 5n }),
    ],
  ],
  'a hard link through a link': [[root, dir('r'), file('r/f', 'f'), link('s', 'r')], [hard('h', 's/f')]],
  'hard links with an absolute target and with dots': [
    [root, dir('d'), file('f', 'f'), hard('h', '/f'), hard('d/h', 'd/../f')],
  ],
  'a hard link to a link': [[root, file('f', 'f'), link('s', 'f'), hard('h', 's')], [hard('i', 'h')]],
  'a hard link in place of a directory': [
    [root, dir('d'), file('d/x', 'x'), file('f', 'f')],
    [hard('d', 'f')],
  ],
  'a hard link to nothing is refused': [[root, hard('h', 'h')]],
  'a hard link to what comes later is refused': [[root, hard('h', 'f'), file('f', 'f')]],
  'a hard link to a directory is refused': [[root, dir('d'), hard('h', 'd')]],
  'a hard link to what was whited out is refused': [
    [root, file('f', 'f')],
    [gone('f'), hard('h', 'f')],
  ],
};
