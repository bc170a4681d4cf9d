import { tarErrors } from './errors.ts';

export const BLOCK = 512;

/** Fields of one header block as they stand there; names are bytes, numbers are read. */
export interface RawHeader {
  readonly name: Buffer;
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

/** The bytes of a field up to its first NUL. */
export const textField = (block: Buffer, start: number, length: number): Buffer => {
  const field = block.subarray(start, start + length);
  const end = field.indexOf(0);
  return end === -1 ? field : field.subarray(0, end);
};

/** GNU base-256: big-endian two's complement below the marker bit. */
const base256 = (field: Buffer): bigint => {
  const negative = ((field[0] ?? 0) & 0x40) !== 0;
  let value = BigInt((field[0] ?? 0) & 0x7f);
  if (negative) value -= 0x80n;
  for (const byte of field.subarray(1)) value = (value << 8n) | BigInt(byte);
  return value;
};

/** A number in octal text or base-256; undefined when it is neither or does not fit a double exactly. */
const readNumber = (field: Buffer): number | undefined => {
  if (((field[0] ?? 0) & 0x80) !== 0) {
    const value = Number(base256(field));
    return Number.isSafeInteger(value) ? value : undefined;
  }
  let value = 0;
  let index = 0;
  while (field[index] === 0x20 || field[index] === 0) index++;
  for (; index < field.length; index++) {
    const byte = field[index] ?? 0;
    if (byte === 0x20 || byte === 0) break;
    if (byte < 0x30 || byte > 0x37) return undefined;
    value = value * 8 + byte - 0x30;
  }
  return value;
};

/** The number at a field; a `corrupt` error when there is none. */
export const numberField = (
  block: Buffer,
  [start, length]: readonly [number, number],
  at: number,
): number => {
  const value = readNumber(block.subarray(start, start + length));
  if (value === undefined)
    throw tarErrors.damaged({ offset: at + start, reason: 'no number where one must be' });
  return value;
};

/** Old writers summed signed bytes; both sums are taken over the block with the field itself as spaces. */
const checksumHolds = (block: Buffer, at: number): boolean => {
  const stated = numberField(block, [148, 8], at);
  let unsigned = 8 * 0x20;
  let high = 0;
  for (let i = 0; i < BLOCK; i++) {
    if (i >= 148 && i < 156) continue;
    const byte = block[i] ?? 0;
    unsigned += byte;
    if (byte > 127) high += 256;
  }
  return stated === unsigned || stated === unsigned - high;
};

/** Bytes of the path prefix: none outside POSIX headers, shorter in star's. */
const prefixOf = (block: Buffer): Buffer => {
  if (block.toString('latin1', 257, 263) !== 'ustar\0') return Buffer.alloc(0);
  const star = block.toString('latin1', 508, 512) === 'tar\0';
  return textField(block, 345, star ? 131 : 155);
};

const fullName = (block: Buffer): Buffer => {
  const prefix = prefixOf(block);
  const name = textField(block, 0, 100);
  // The block may be reused by the caller, so names are copies.
  return prefix.length === 0 ? Buffer.from(name) : Buffer.concat([prefix, Buffer.of(0x2f), name]);
};

/** Reads a header block that lies at byte `at` of the archive; a `corrupt` error when it is none. */
export const decodeHeader = (block: Buffer, at: number): RawHeader => {
  if (!checksumHolds(block, at))
    throw tarErrors.damaged({ offset: at, reason: 'the checksum of the header does not hold' });
  const isNew = block.toString('latin1', 257, 262) === 'ustar';
  const type = String.fromCharCode(block[156] ?? 0);
  const isDevice = isNew && (type === '3' || type === '4');
  return {
    name: fullName(block),
    mode: numberField(block, [100, 8], at) & 0o7777,
    uid: numberField(block, [108, 8], at),
    gid: numberField(block, [116, 8], at),
    size: numberField(block, [124, 12], at),
    mtime: numberField(block, [136, 12], at),
    type,
    linkName: Buffer.from(textField(block, 157, 100)),
    userName: Buffer.from(isNew ? textField(block, 265, 32) : ''),
    groupName: Buffer.from(isNew ? textField(block, 297, 32) : ''),
    major: isDevice ? numberField(block, [329, 8], at) : 0,
    minor: isDevice ? numberField(block, [337, 8], at) : 0,
  };
};
