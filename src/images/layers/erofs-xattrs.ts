import { compareNames, encodeName } from '#tar';
import { layerErrors } from './errors.ts';

/** Prefixes that the format abbreviates; names with others cannot be kept, as the kernel has no handler for them. */
const PREFIXES: readonly (readonly [prefix: string, index: number])[] = [
  ['user.', 1],
  ['system.posix_acl_access', 2],
  ['system.posix_acl_default', 3],
  ['trusted.', 4],
  ['security.', 6],
];

const HEADER = 12;
const MAX_SIZE = 65_535;
/** The count of units in an inode has 16 bits. */
const MAX_TOTAL = HEADER + 4 * 65_534;

const NOTHING = Buffer.alloc(0);

const encodeOne = (name: string, value: Buffer): Buffer | undefined => {
  const found = PREFIXES.find(([prefix]) => name.startsWith(prefix));
  if (found === undefined) return undefined;
  const rest = encodeName(name.slice(found[0].length));
  if (rest.length > 255 || value.length > MAX_SIZE) return undefined;
  const size = 4 + rest.length + value.length;
  const entry = Buffer.alloc(Math.ceil(size / 4) * 4);
  entry.writeUInt8(rest.length, 0);
  entry.writeUInt8(found[1], 1);
  entry.writeUInt16LE(value.length, 2);
  rest.copy(entry, 4);
  value.copy(entry, 4 + rest.length);
  return entry;
};

/** The extended attributes as they follow an inode; empty where there are none. */
export const encodeXattrs = (xattrs: ReadonlyMap<string, Buffer>): Buffer => {
  if (xattrs.size === 0) return NOTHING;
  const names = [...xattrs.keys()].sort(compareNames);
  const entries = names
    .map((name) => encodeOne(name, xattrs.get(name) ?? Buffer.alloc(0)))
    .filter((entry) => entry !== undefined);
  if (entries.length === 0) return Buffer.alloc(0);
  const bytes = Buffer.concat([Buffer.alloc(HEADER), ...entries]);
  if (bytes.length > MAX_TOTAL)
    throw layerErrors.badContent({ reason: 'a file has too many extended attributes' });
  return bytes;
};
