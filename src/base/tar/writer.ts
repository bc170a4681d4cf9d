import { tarErrors } from './errors.ts';
import { BLOCK } from './header.ts';
import { encodeName } from './names.ts';
import { encodePax, formatPaxTime } from './pax.ts';
import type { TarHeader, TarKind } from './types.ts';

const NS = 1_000_000_000n;
const MAX_OCTAL_7 = 0o7777777;
const MAX_OCTAL_11 = 0o77777777777;

const TYPES: Readonly<Record<TarKind, string>> = {
  file: '0',
  hardlink: '1',
  symlink: '2',
  char: '3',
  block: '4',
  directory: '5',
  fifo: '6',
};

const DEFAULT_MODES: Readonly<Record<TarKind, number>> = {
  file: 0o644,
  hardlink: 0o644,
  symlink: 0o777,
  char: 0o644,
  block: 0o644,
  directory: 0o755,
  fifo: 0o644,
};

/** The two blocks of zeros that end an archive. */
export const TAR_END: Buffer = Buffer.alloc(2 * BLOCK);

/** Bytes of zeros that follow a content of `size` bytes. */
export const tarPadding = (size: number): number => (BLOCK - (size % BLOCK)) % BLOCK;

interface Fields {
  readonly name: Buffer;
  readonly prefix: Buffer;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly mtime: number;
  readonly type: string;
  readonly linkName: Buffer;
  readonly userName: Buffer;
  readonly groupName: Buffer;
  readonly major: number;
  readonly minor: number;
}

const putOctal = (block: Buffer, value: number, [start, length]: readonly [number, number]): void => {
  block.write(value.toString(8).padStart(length - 1, '0'), start, 'latin1');
};

const encodeBlock = (fields: Fields): Buffer => {
  const block = Buffer.alloc(BLOCK);
  fields.name.copy(block, 0);
  putOctal(block, fields.mode, [100, 8]);
  putOctal(block, fields.uid, [108, 8]);
  putOctal(block, fields.gid, [116, 8]);
  putOctal(block, fields.size, [124, 12]);
  putOctal(block, fields.mtime, [136, 12]);
  block.write(`        ${fields.type}`, 148, 'latin1');
  fields.linkName.copy(block, 157);
  block.write('ustar\u000000', 257, 'latin1');
  fields.userName.copy(block, 265);
  fields.groupName.copy(block, 297);
  putOctal(block, fields.major, [329, 8]);
  putOctal(block, fields.minor, [337, 8]);
  fields.prefix.copy(block, 345);
  let sum = 0;
  for (const byte of block) sum += byte;
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
};

/** Splits a path over the name and prefix fields; undefined when it does not fit them. */
const split = (path: Buffer): readonly [name: Buffer, prefix: Buffer] | undefined => {
  if (path.length <= 100) return [path, Buffer.alloc(0)];
  // The last byte may be a directory's own slash.
  const slash = path.subarray(0, Math.min(156, path.length - 1)).lastIndexOf(0x2f);
  const name = path.subarray(slash + 1);
  return slash > 0 && name.length <= 100 ? [name, path.subarray(0, slash)] : undefined;
};

/** Collects what an extended header must say; each method returns what fits the plain header. */
class Overflow {
  readonly records = new Map<string, Buffer>();

  number(key: string, value: number, limit: number): number {
    if (value <= limit) return value;
    this.records.set(key, Buffer.from(String(value)));
    return 0;
  }

  time(ns: bigint): number {
    if (ns >= 0n && ns % NS === 0n && ns / NS <= MAX_OCTAL_11) return Number(ns / NS);
    this.records.set('mtime', Buffer.from(formatPaxTime(ns)));
    const seconds = ns / NS;
    return seconds < 0n || seconds > MAX_OCTAL_11 ? 0 : Number(seconds);
  }

  text(key: string, value: Buffer, limit: number): Buffer {
    if (value.length <= limit) return value;
    this.records.set(key, value);
    return value.subarray(0, limit);
  }

  path(value: Buffer): readonly [name: Buffer, prefix: Buffer] {
    const fitting = split(value);
    if (fitting !== undefined) return fitting;
    this.records.set('path', value);
    return [value.subarray(0, 100), Buffer.alloc(0)];
  }

  xattrs(path: string, xattrs: ReadonlyMap<string, Uint8Array>): void {
    for (const [name, value] of xattrs) {
      if (name.includes('=') || name.includes('\0'))
        throw tarErrors.notWritable({ path, reason: `the attribute name "${name}" has no form in pax` });
      this.records.set(`SCHILY.xattr.${name}`, Buffer.from(value));
    }
  }
}

const check = (header: TarHeader): void => {
  const { path } = header;
  if (path === '' || path.includes('\0') || header.linkName?.includes('\0') === true)
    throw tarErrors.notWritable({ path, reason: 'it is no path' });
  for (const value of [header.size, header.uid, header.gid, header.major, header.minor])
    if (value !== undefined && (!Number.isSafeInteger(value) || value < 0))
      throw tarErrors.notWritable({ path, reason: `${value} is no number of an entry` });
  if ((header.major ?? 0) > MAX_OCTAL_7 || (header.minor ?? 0) > MAX_OCTAL_7)
    throw tarErrors.notWritable({ path, reason: 'its device number is too large' });
};

const fieldsOf = (header: TarHeader, overflow: Overflow): Fields => {
  const { kind, path } = header;
  const full = kind === 'directory' && !path.endsWith('/') ? `${path}/` : path;
  const [name, prefix] = overflow.path(encodeName(full));
  overflow.xattrs(path, header.xattrs ?? new Map());
  return {
    name,
    prefix,
    mode: (header.mode ?? DEFAULT_MODES[kind]) & 0o7777,
    uid: overflow.number('uid', header.uid ?? 0, MAX_OCTAL_7),
    gid: overflow.number('gid', header.gid ?? 0, MAX_OCTAL_7),
    size: overflow.number('size', kind === 'file' ? (header.size ?? 0) : 0, MAX_OCTAL_11),
    mtime: overflow.time(header.mtimeNs ?? 0n),
    type: TYPES[kind],
    linkName: overflow.text('linkpath', encodeName(header.linkName ?? ''), 100),
    userName: overflow.text('uname', encodeName(header.userName ?? ''), 31),
    groupName: overflow.text('gname', encodeName(header.groupName ?? ''), 31),
    major: header.major ?? 0,
    minor: header.minor ?? 0,
  };
};

const EMPTY = Buffer.alloc(0);

const extendedHeader = (fields: Fields, records: ReadonlyMap<string, Buffer>): Buffer => {
  const content = encodePax(records);
  const base = Buffer.concat([Buffer.from('PaxHeaders.0/'), fields.name]).subarray(0, 99);
  const block = encodeBlock({
    name: base.at(-1) === 0x2f ? base.subarray(0, -1) : base,
    prefix: EMPTY,
    mode: 0o644,
    uid: 0,
    gid: 0,
    size: content.length,
    mtime: 0,
    type: 'x',
    linkName: EMPTY,
    userName: EMPTY,
    groupName: EMPTY,
    major: 0,
    minor: 0,
  });
  return Buffer.concat([block, content, Buffer.alloc(tarPadding(content.length))]);
};

/**
 * The header of one entry: ustar where all fits, preceded by an extended header where it does not. Equal headers give
 * equal bytes. `size` bytes of content and `tarPadding(size)` zeros must follow; the archive ends with `TAR_END`.
 */
export const encodeTarHeader = (header: TarHeader): Buffer => {
  check(header);
  const overflow = new Overflow();
  const fields = fieldsOf(header, overflow);
  const block = encodeBlock(fields);
  return overflow.records.size === 0
    ? block
    : Buffer.concat([extendedHeader(fields, overflow.records), block]);
};

/** What `writeTar` takes: an entry with its content, whose bytes must be exactly `size`. */
export interface TarSource extends TarHeader {
  readonly content?: Uint8Array | AsyncIterable<Uint8Array> | undefined;
}

async function* contentOf(source: TarSource): AsyncGenerator<Uint8Array, number, undefined> {
  const { content } = source;
  if (content === undefined) return 0;
  if (content instanceof Uint8Array) {
    yield content;
    return content.byteLength;
  }
  let total = 0;
  for await (const chunk of content) {
    total += chunk.byteLength;
    if (total > (source.size ?? 0)) return total;
    yield chunk;
  }
  return total;
}

/** An archive of the given entries, as chunks; `Readable.from` makes a stream of it. */
export async function* writeTar(
  sources: Iterable<TarSource> | AsyncIterable<TarSource>,
): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const source of sources) {
    const size = source.size ?? (source.content instanceof Uint8Array ? source.content.byteLength : 0);
    const entry = { ...source, size };
    yield encodeTarHeader(entry);
    if (source.kind !== 'file') continue;
    const written = yield* contentOf(entry);
    if (written !== size)
      throw tarErrors.notWritable({ path: source.path, reason: `it has ${written} bytes, not ${size}` });
    const padding = tarPadding(size);
    if (padding > 0) yield Buffer.alloc(padding);
  }
  yield TAR_END;
}
