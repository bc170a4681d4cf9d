import type { Cases } from './cases.ts';
import { dir, file, hard, link, root, T } from './sources.ts';

const capability = Buffer.from('0100000200200000000000000000000000000000', 'hex');
const NOBODY = 0xffff_ffff;

/** An access list in the form of its attribute: [tag, permissions, id]. */
const accessList = (...entries: readonly (readonly [tag: number, bits: number, id?: number])[]): Buffer => {
  const bytes = Buffer.alloc(4 + 8 * entries.length);
  bytes.writeUInt32LE(2);
  for (const [i, [tag, bits, id = NOBODY]] of entries.entries()) {
    bytes.writeUInt16LE(tag, 4 + i * 8);
    bytes.writeUInt16LE(bits, 6 + i * 8);
    bytes.writeUInt32LE(id, 8 + i * 8);
  }
  return bytes;
};
const named = accessList([1, 6], [2, 7, 1000], [4, 4], [8, 1, 2000], [16, 7], [32, 4]);
const plain = accessList([1, 6], [4, 4], [32, 4]);
const having = (name: string, value: Buffer | string) => ({ xattrs: new Map([[name, Buffer.from(value)]]) });
const ACCESS = 'system.posix_acl_access';
const DEFAULT = 'system.posix_acl_default';

/** Extended attributes. */
export const ATTRIBUTES: Cases = {
  'attributes with any bytes': [
    [
      root,
      file('a', 'a', having('user.note', Buffer.from([0, 255, 1, 10, 61]))),
      file('big', 'a', having('user.big', Buffer.alloc(3000, 0x0a))),
      dir('d', having('user.dir', 'x=y\n')),
      file('odd-name', 'a', having('user.é\n.ü', 'v')),
      file('many', 'a', {
        xattrs: new Map(Array.from({ length: 40 }, (_, i) => [`user.n${i}`, Buffer.alloc(i + 1, i)])),
      }),
      file('trusted', 'a', having('trusted.t', 'x')),
      link('link', 'a', having('trusted.t', 'x')),
      { path: 'pipe', kind: 'fifo', mtimeNs: T, ...having('trusted.t', 'x') },
    ],
    [hard('again', 'a')],
  ],
  'capabilities, with set-user-id bits': [
    [
      root,
      file('cap', 'ping', { mode: 0o755, ...having('security.capability', capability) }),
      file('both', 'x', { mode: 0o6755, uid: 5, ...having('security.capability', capability) }),
    ],
    [hard('linked', 'cap')],
  ],
  'access lists': [
    [
      root,
      file('f', 'x', { mode: 0o674, ...having(ACCESS, named) }),
      file('decides', 'x', { mode: 0o4600, ...having(ACCESS, named) }),
      file('plain', 'x', { mode: 0o600, ...having(ACCESS, plain) }),
      dir('d', {
        xattrs: new Map([
          [ACCESS, named],
          [DEFAULT, named],
        ]),
      }),
      dir('plain-default', having(DEFAULT, plain)),
      file('d/inside', 'x'),
      dir('d/below'),
      file('empty', 'x', having(ACCESS, accessList())),
    ],
    [file('d/later', 'x')],
  ],
  'attributes that file systems do not keep': [
    [
      root,
      file('f', 'x', {
        xattrs: new Map([
          ['com.apple.x', Buffer.from('1')],
          ['system.other', Buffer.from('1')],
        ]),
      }),
    ],
  ],
  'labels of the security module': [[root, file('f', 'x', having('security.selinux', 'label\0'))]],
  'a malformed access list is refused': [[root, file('f', 'x', having(ACCESS, 'xx'))]],
  'an access list out of order is refused': [
    [root, file('f', 'x', having(ACCESS, accessList([4, 4], [1, 6], [32, 4])))],
  ],
  'an access list without a mask is refused': [
    [root, file('f', 'x', having(ACCESS, accessList([1, 6], [2, 7, 5], [4, 4], [32, 4])))],
  ],
  'a default access list on a file is refused': [[root, file('f', 'x', having(DEFAULT, named))]],
  'an attribute without a name is refused': [[root, file('f', 'x', having('user.', '1'))]],
  'an attribute with a name of 256 bytes is refused': [
    [root, file('f', 'x', having(`user.${'n'.repeat(251)}`, '1'))],
  ],
};
