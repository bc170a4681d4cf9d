import type { Cases } from './cases.ts';
import { dir, file, hard, link, root, T } from './sources.ts';

/** What a file can be, and the numbers it can have. */
export const KINDS: Cases = {
  'every kind of file': [
    [
      root,
      dir('d'),
      file('d/file', 'content'),
      file('d/empty', ''),
      link('d/abs', '/etc/passwd'),
      link('d/long', 'x/'.repeat(600)),
      { path: 'd/null', kind: 'char', mode: 0o666, major: 1, minor: 3, mtimeNs: T },
      { path: 'd/disk', kind: 'block', mode: 0o660, major: 259, minor: 65_537, mtimeNs: T },
      { path: 'd/large', kind: 'char', mode: 0o600, major: 4095, minor: 1_048_575, mtimeNs: T },
      { path: 'd/pipe', kind: 'fifo', mode: 0o600, mtimeNs: T },
      file('d/one', 'shared'),
      hard('d/two', 'd/one'),
      hard('d/abs2', './d/abs'),
      hard('d/pipe2', 'd/pipe'),
    ],
  ],
  'bits of the mode': [
    [
      root,
      dir('setgid', { mode: 0o2755 }),
      dir('sticky', { mode: 0o1777 }),
      dir('closed', { mode: 0 }),
      file('closed/inside', 'i'),
      file('setuid', 'x', { mode: 0o4755, uid: 1000, gid: 1000 }),
      file('both', 'x', { mode: 0o6711, uid: 5, gid: 6 }),
      file('none', 'x', { mode: 0 }),
      file('all', 'x', { mode: 0o7777 }),
      link('link', 'x', { mode: 0o640, uid: 3, gid: 4 }),
    ],
  ],
  'owners beyond 2^21 and 2^31': [
    [
      root,
      file('a', 'x', { uid: 2_097_151, gid: 2_097_152 }),
      file('b', 'x', { uid: 2_147_483_648, gid: 4_294_967_294 }),
      dir('c', { uid: 3_000_000_000, gid: 7 }),
      link('d', 'x', { uid: 3_000_000_001, gid: 3_000_000_002 }),
    ],
  ],
  'times to the nanosecond, before 1970 and after 2038': [
    [
      root,
      file('one', 'x', { mtimeNs: 1n }),
      file('minus-one', 'x', { mtimeNs: -1n }),
      file('fraction', 'x', { mtimeNs: -1_250_000_000n }),
      file('1906', 'x', { mtimeNs: -2_000_000_000_999_999_999n }),
      file('2038', 'x', { mtimeNs: 2_147_483_648_000_000_001n }),
      file('2100', 'x', { mtimeNs: 4_102_444_800_123_456_789n }),
      file('2242', 'x', { mtimeNs: 8_589_934_592_000_000_001n }),
      dir('directory', { mtimeNs: 4_102_444_800_000_000_001n }),
      link('link', 'x', { mtimeNs: -1n }),
      { path: 'fifo', kind: 'fifo', mtimeNs: -5n },
    ],
  ],
  'the root itself': [
    [
      dir('./', { mode: 0o711, uid: 3, gid: 4, xattrs: new Map([['user.r', Buffer.from('r')]]) }),
      file('a', 'a'),
    ],
    [file('b', 'b')],
    [dir('.', { mode: 0o700, uid: 9 }), file('c', 'c')],
    [file('d', 'd')],
  ],
};
