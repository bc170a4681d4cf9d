/** POSIX access control lists in the form of their extended attributes (linux/posix_acl_xattr.h). */

const VERSION = 2;
const HEADER = 4;
const ENTRY = 8;
const NOBODY = 0xffff_ffff;
const MAX_ENTRIES = 4096;

const TAG = { owner: 0x01, user: 0x02, group: 0x04, namedGroup: 0x08, mask: 0x10, other: 0x20 } as const;

interface AclEntry {
  readonly tag: number;
  readonly bits: number;
  readonly id: number;
}

const entriesOf = (value: Buffer): AclEntry[] =>
  Array.from({ length: (value.length - HEADER) / ENTRY }, (_, i) => {
    const at = HEADER + i * ENTRY;
    return { tag: value.readUInt16LE(at), bits: value.readUInt16LE(at + 2), id: value.readUInt32LE(at + 4) };
  });

/** The order the kernel wants: owner, users, group, groups, a mask where anybody is named, others. */
const SHAPE = /^un*gG*m?o$/;
const LETTERS: Readonly<Record<number, string>> = {
  [TAG.owner]: 'u',
  [TAG.user]: 'n',
  [TAG.group]: 'g',
  [TAG.namedGroup]: 'G',
  [TAG.mask]: 'm',
  [TAG.other]: 'o',
};

const isValid = (entries: readonly AclEntry[]): boolean => {
  const shape = entries.map(({ tag }) => LETTERS[tag] ?? '?').join('');
  if (!SHAPE.test(shape) || (/[nG]/.test(shape) && !shape.includes('m'))) return false;
  return entries.every(
    ({ tag, bits, id }) => bits <= 7 && (id !== NOBODY || (tag !== TAG.user && tag !== TAG.namedGroup)),
  );
};

/** What a list says; undefined when the kernel would refuse it. */
export interface AccessList {
  /** It names nobody: the mode says all. */
  readonly plain: boolean;
  /** Permission bits that a file with this list has. */
  readonly bits: number;
  readonly empty: boolean;
}

/** Reads a list; undefined when the kernel would refuse it. */
export const readAccessList = (value: Buffer): AccessList | undefined => {
  if (value.length < HEADER || (value.length - HEADER) % ENTRY !== 0) return undefined;
  if (value.readUInt32LE() !== VERSION || value.length > HEADER + MAX_ENTRIES * ENTRY) return undefined;
  if (value.length === HEADER) return { plain: true, bits: 0, empty: true };
  const entries = entriesOf(value);
  if (!isValid(entries)) return undefined;
  const bitsOf = (tag: number): number => entries.find((entry) => entry.tag === tag)?.bits ?? 0;
  const masked = entries.some(({ tag }) => tag === TAG.mask);
  const group = bitsOf(masked ? TAG.mask : TAG.group);
  const bits = (bitsOf(TAG.owner) << 6) | (group << 3) | bitsOf(TAG.other);
  return { plain: entries.length === 3, bits, empty: false };
};
