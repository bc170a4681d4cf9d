import { tarErrors } from './errors.ts';
import type { RawHeader } from './header.ts';
import { decodeName } from './names.ts';
import { parsePaxNumber, parsePaxTime, type PaxRecords } from './pax.ts';
import type { TarEntry, TarExtent, TarKind } from './types.ts';

const KINDS: Readonly<Record<string, TarKind>> = {
  '\0': 'file',
  '0': 'file',
  '1': 'hardlink',
  '2': 'symlink',
  '3': 'char',
  '4': 'block',
  '5': 'directory',
  '6': 'fifo',
  '7': 'file',
  D: 'directory',
  S: 'file',
};

const XATTR = 'SCHILY.xattr.';

/** All that describes an entry: its header, the records that apply to it, GNU's long names. */
export interface EntryParts {
  readonly header: RawHeader;
  /** Byte of the archive where the header lies. */
  readonly at: number;
  readonly records: PaxRecords;
  readonly longName: Buffer | undefined;
  readonly longLink: Buffer | undefined;
}

/** Where the content is; known only after a sparse map was read. */
export interface ContentParts {
  readonly dataOffset: number;
  readonly storedSize: number;
  readonly size: number;
  readonly sparse: readonly TarExtent[] | undefined;
}

/** The value of a record; an empty one counts as absent. */
const record = (parts: EntryParts, key: string): Buffer | undefined => {
  const value = parts.records.get(key);
  return value === undefined || value.length === 0 ? undefined : value;
};

const numberOf = (parts: EntryParts, key: string, fallback: number): number => {
  const text = record(parts, key)?.toString('latin1');
  if (text === undefined) return fallback;
  const value = parsePaxNumber(text);
  if (value === undefined)
    throw tarErrors.damaged({ offset: parts.at, reason: `the record ${key} holds no number` });
  return value;
};

const timeOf = (parts: EntryParts): bigint => {
  const text = record(parts, 'mtime')?.toString('latin1');
  if (text === undefined) return BigInt(parts.header.mtime) * 1_000_000_000n;
  const ns = parsePaxTime(text);
  if (ns === undefined)
    throw tarErrors.damaged({ offset: parts.at, reason: 'the record mtime holds no time' });
  return ns;
};

const NONE: ReadonlyMap<string, Buffer> = new Map();

const xattrsOf = (records: PaxRecords): ReadonlyMap<string, Buffer> => {
  if (records.size === 0) return NONE;
  const xattrs = new Map<string, Buffer>();
  for (const [key, value] of records)
    if (key.startsWith(XATTR) && key.length > XATTR.length) xattrs.set(key.slice(XATTR.length), value);
  return xattrs;
};

const pathOf = (parts: EntryParts): string => {
  const name =
    record(parts, 'GNU.sparse.name') ?? record(parts, 'path') ?? parts.longName ?? parts.header.name;
  if (name.includes(0)) throw tarErrors.damaged({ offset: parts.at, reason: 'a name holds a NUL byte' });
  return decodeName(name);
};

/** What the entry makes; old archives write directories as files whose name ends in a slash. */
export const kindOf = (parts: EntryParts): TarKind => {
  const { type, name } = parts.header;
  const kind = KINDS[type];
  if (kind === undefined) throw tarErrors.unsupported({ offset: parts.at, type });
  const slash = (record(parts, 'path') ?? parts.longName ?? name).at(-1) === 0x2f;
  return kind === 'file' && slash && (type === '\0' || type === '0') ? 'directory' : kind;
};

/** Bytes of content in the archive; only files and GNU's directory dumps have any. */
export const storedSizeOf = (parts: EntryParts): number => {
  const { type } = parts.header;
  if (KINDS[type] !== 'file' && type !== 'D') return 0;
  return numberOf(parts, 'size', parts.header.size);
};

/** Size of a sparse file of the pax formats once unpacked. */
export const realSizeOf = (parts: EntryParts): number =>
  numberOf(parts, 'GNU.sparse.realsize', numberOf(parts, 'GNU.sparse.size', 0));

export const buildEntry = (parts: EntryParts, content: ContentParts): TarEntry => {
  const { header } = parts;
  const kind = kindOf(parts);
  return {
    path: pathOf(parts),
    kind,
    mode: header.mode,
    uid: numberOf(parts, 'uid', header.uid),
    gid: numberOf(parts, 'gid', header.gid),
    userName: decodeName(record(parts, 'uname') ?? header.userName),
    groupName: decodeName(record(parts, 'gname') ?? header.groupName),
    mtimeNs: timeOf(parts),
    linkName: decodeName(record(parts, 'linkpath') ?? parts.longLink ?? header.linkName),
    major: header.major,
    minor: header.minor,
    xattrs: xattrsOf(parts.records),
    ...content,
    size: kind === 'file' ? content.size : 0,
  };
};
