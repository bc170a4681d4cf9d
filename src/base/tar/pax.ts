import { tarErrors } from './errors.ts';
import { decodeName, encodeName } from './names.ts';

/** Records of an extended header (POSIX pax): the last of a key wins, an empty value takes a global one back. */
export type PaxRecords = ReadonlyMap<string, Buffer>;

const SPACE = 0x20;
const EQUALS = 0x3d;
const NEWLINE = 0x0a;

const USED = new Set(['path', 'linkpath', 'size', 'uid', 'gid', 'uname', 'gname', 'mtime']);

/** Records of other keys, such as comments, are not kept: there may be very many. */
const isUsed = (key: string): boolean =>
  USED.has(key) || key.startsWith('SCHILY.xattr.') || key.startsWith('GNU.sparse.');

const bad = (offset: number): Error =>
  tarErrors.damaged({ offset, reason: 'an extended header is not made of records' });

/** End of the record that starts at `at`, by the length it states. */
const recordEnd = (data: Buffer, at: number, space: number): number => {
  const digits = data.toString('latin1', at, space);
  const end = at + Number(digits);
  return /^[1-9][0-9]{0,9}$/.test(digits) && end <= data.length && data[end - 1] === NEWLINE ? end : -1;
};

/**
 * Parses the content of an extended header that lies at byte `offset`.
 *
 * GNU's sparse format 0.0 repeats two keys; their values are joined by commas, as its format 0.1 writes them.
 */
export const parsePax = (data: Buffer, offset: number): Map<string, Buffer> => {
  const records = new Map<string, Buffer>();
  const map: string[] = [];
  for (let at = 0; at < data.length;) {
    const space = data.indexOf(SPACE, at);
    const end = space === -1 ? -1 : recordEnd(data, at, space);
    const equals = data.indexOf(EQUALS, space);
    if (end === -1 || equals === -1 || equals >= end) throw bad(offset + at);
    const key = decodeName(data.subarray(space + 1, equals));
    at = end;
    if (!isUsed(key)) continue;
    const value = Buffer.from(data.subarray(equals + 1, end - 1));
    if (key === 'GNU.sparse.offset' || key === 'GNU.sparse.numbytes') map.push(value.toString('latin1'));
    else records.set(key, value);
  }
  if (map.length > 0) records.set('GNU.sparse.map', Buffer.from(map.join(',')));
  return records;
};

/** One record: its length counts its own digits. */
const encodeRecord = (key: string, value: Buffer): Buffer => {
  const rest = Buffer.concat([
    Buffer.of(SPACE),
    encodeName(key),
    Buffer.of(EQUALS),
    value,
    Buffer.of(NEWLINE),
  ]);
  let length = rest.length + 1;
  while (String(length).length + rest.length !== length) length = String(length).length + rest.length;
  return Buffer.concat([Buffer.from(String(length)), rest]);
};

/** The content of an extended header, sorted by key. */
export const encodePax = (records: ReadonlyMap<string, Buffer>): Buffer => {
  const keys = [...records.keys()].sort((a, b) => Buffer.compare(encodeName(a), encodeName(b)));
  return Buffer.concat(keys.map((key) => encodeRecord(key, records.get(key) ?? Buffer.alloc(0))));
};

/** A decimal number of seconds such as `-1.25` in nanoseconds; undefined when it is none. */
export const parsePaxTime = (text: string): bigint | undefined => {
  const match = /^(-?)(\d{1,18})(?:\.(\d*))?$/.exec(text);
  if (match === null) return undefined;
  const [, sign, seconds = '0', fraction = ''] = match;
  const ns = BigInt(seconds) * 1_000_000_000n + BigInt(fraction.slice(0, 9).padEnd(9, '0'));
  return sign === '-' ? -ns : ns;
};

/** Nanoseconds as a decimal number of seconds without trailing zeros. */
export const formatPaxTime = (ns: bigint): string => {
  const absolute = ns < 0n ? -ns : ns;
  const fraction = String(absolute % 1_000_000_000n)
    .padStart(9, '0')
    .replace(/0+$/, '');
  const seconds = `${ns < 0n ? '-' : ''}${absolute / 1_000_000_000n}`;
  return fraction === '' ? seconds : `${seconds}.${fraction}`;
};

/** A decimal number that a double holds exactly; undefined when it is none. */
export const parsePaxNumber = (text: string): number | undefined => {
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  return Number.isSafeInteger(value) ? value : undefined;
};
