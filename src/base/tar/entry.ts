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

/** The path as it stands there. */
const namedPath = (parts: EntryParts): string =>
  decodeName(
    record(parts, 'GNU.sparse.name') ?? record(parts, 'path') ?? parts.longName ?? parts.header.name,
  );

/** Damage of an entry whose name is known. */
export const damaged = (parts: EntryParts, reason: string): Error =>
  tarErrors.damaged({ offset: parts.at, reason: `${namedPath(parts)}: ${reason}` });

const numberOf = (parts: EntryParts, key: string, fallback: number): number => {
  const text = record(parts, key)?.toString('latin1');
  if (text === undefined) return fallback;
  const value = parsePaxNumber(text);
  if (value === undefined) throw damaged(parts, `its record ${key} holds no number`);
  return value;
};

const timeOf = (parts: EntryParts): bigint => {
  const text = record(parts, 'mtime')?.toString('latin1');
  if (text === undefined) return BigInt(parts.header.mtime) * 1_000_000_000n;
  const ns = parsePaxTime(text);
  if (ns === undefined) throw damaged(parts, 'its record mtime holds no time');
  return ns;
};

const NONE: ReadonlyMap<string, Buffer> = new Map();

/** A copy that keeps nothing else in memory, as a piece of a pool of buffers would. */
const kept = (value: Buffer): Buffer => {
  const copy = Buffer.allocUnsafeSlow(value.length);
  value.copy(copy);
  return copy;
};

const xattrsOf = (records: PaxRecords): ReadonlyMap<string, Buffer> => {
  let xattrs: Map<string, Buffer> | undefined;
  for (const [key, value] of records)
    if (key.startsWith(XATTR) && key.length > XATTR.length)
      (xattrs ??= new Map<string, Buffer>()).set(key.slice(XATTR.length), kept(value));
  return xattrs ?? NONE;
};

const pathOf = (parts: EntryParts): string => {
  const path = namedPath(parts);
  if (path.includes('\0')) throw damaged(parts, 'its name holds a NUL byte');
  return path;
};

const linkOf = (parts: EntryParts): string => {
  const link = decodeName(record(parts, 'linkpath') ?? parts.longLink ?? parts.header.linkName);
  if (link.includes('\0')) throw damaged(parts, 'the name it links to holds a NUL byte');
  return link;
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
    linkName: linkOf(parts),
    major: header.major,
    minor: header.minor,
    xattrs: xattrsOf(parts.records),
    ...content,
    size: kind === 'file' ? content.size : 0,
  };
};
