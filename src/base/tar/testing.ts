import {
  existsSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodePax } from './pax.ts';
import { encodeTarHeader, TAR_END, tarPadding } from './writer.ts';
import type { TarHeader } from './types.ts';

/** Fields of a header that no writer would put there. */
export interface RawFields {
  readonly type?: string | undefined;
  /** Bytes for the field of the size, the owner or the time. */
  readonly size?: Buffer | undefined;
  readonly uid?: Buffer | undefined;
  readonly checksum?: number | undefined;
}

const TYPE = 156;
const CHECKSUM = 148;

const summed = (block: Buffer): Buffer => {
  block.write('        ', CHECKSUM, 'latin1');
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, CHECKSUM, 'latin1');
  return block;
};

/** The header of an entry with fields overwritten, its checksum right unless one is given. */
export const rawHeader = (header: TarHeader, fields: RawFields = {}): Buffer => {
  const whole = encodeTarHeader(header);
  const block = whole.subarray(-512);
  if (fields.type !== undefined) block.write(fields.type, TYPE, 'latin1');
  fields.size?.copy(block, 124);
  fields.uid?.copy(block, 108);
  summed(block);
  if (fields.checksum !== undefined)
    block.write(`${fields.checksum.toString(8).padStart(6, '0')}\0 `, CHECKSUM, 'latin1');
  return whole;
};

export const padded = (bytes: Buffer): Buffer =>
  Buffer.concat([bytes, Buffer.alloc(tarPadding(bytes.length))]);

/** A file with its content. */
export const rawFile = (path: string, text: string, header: Partial<TarHeader> = {}): Buffer => {
  const content = Buffer.from(text);
  const head = encodeTarHeader({ path, kind: 'file', ...header, size: content.length });
  return Buffer.concat([head, padded(content)]);
};

/** An extended header (`x`, or `g` for all entries) with these records, or with these bytes as its content. */
export const rawPax = (records: ReadonlyMap<string, Buffer> | Buffer, type: 'x' | 'g' = 'x'): Buffer => {
  const content = Buffer.isBuffer(records) ? records : encodePax(records);
  const head = rawHeader({ path: 'pax', kind: 'file', size: content.length }, { type });
  return Buffer.concat([head, padded(content)]);
};

export const archive = (...parts: readonly Buffer[]): Buffer => Buffer.concat([...parts, TAR_END]);

const link = (path: string, linkName: string): Buffer => encodeTarHeader({ path, kind: 'symlink', linkName });
const hard = (path: string, linkName: string): Buffer =>
  encodeTarHeader({ path, kind: 'hardlink', linkName });
const dir = (path: string, mode = 0o777): Buffer =>
  encodeTarHeader({ path, kind: 'directory', mode, uid: 4242, gid: 4242, mtimeNs: 1_000_000_000n });

/**
 * Archives that try to reach `outside`, a directory of the host that holds a file `secret`. Whoever unpacks them may
 * refuse, but must leave `outside` as it is, link to nothing in it, and end.
 */
export const escapingArchives = (outside: string): Readonly<Record<string, Buffer>> => {
  const up = '../'.repeat(24);
  const away = `${up}${outside.slice(1)}`;
  return {
    'a name above the root': archive(rawFile(`${away}/made`, 'x')),
    'a name above the root from within': archive(dir('a'), rawFile(`a/${away}/made`, 'x')),
    'a name above the root behind a slash': archive(rawFile(`/${away}/made`, 'x')),
    'an absolute name': archive(rawFile(`${outside}/made`, 'x')),
    'a directory above the root': archive(dir(away)),
    'an absolute directory': archive(dir(outside)),
    'a parent that is a link': archive(link('l', outside), rawFile('l/made', 'x'), rawFile('l/secret', 'x')),
    'a parent that is a relative link': archive(dir('a'), link('a/l', away), rawFile('a/l/made', 'x')),
    'a parent behind two links': archive(link('l', '/'), link('m', `l/${outside}`), rawFile('m/made', 'x')),
    'a parent that was a directory': archive(dir('d'), link('d', outside), rawFile('d/made', 'x')),
    'a directory that becomes a link': archive(dir('d'), link('d', outside)),
    'a directory that becomes a link behind its content': archive(
      dir('d'),
      rawFile('d/f', 'x'),
      link('d', outside),
    ),
    'a directory in the place of a link': archive(link('d', outside), dir('d')),
    'a directory in the place of a link, with a slash': archive(link('d', outside), dir('d/')),
    'a file in the place of a link': archive(
      link('f', `${outside}/secret`),
      rawFile('f', 'x', { mode: 0o777 }),
    ),
    'a pipe in the place of a link': archive(
      link('f', `${outside}/secret`),
      encodeTarHeader({ path: 'f', kind: 'fifo', mode: 0o777 }),
    ),
    'a file in the place of a pipe': archive(encodeTarHeader({ path: 'p', kind: 'fifo' }), rawFile('p', 'x')),
    'a file in the place of a device': archive(
      encodeTarHeader({ path: 'n', kind: 'char', major: 1, minor: 3 }),
      rawFile('n', 'x'),
    ),
    'a hard link above the root': archive(hard('h', `${away}/secret`)),
    'an absolute hard link': archive(hard('h', `${outside}/secret`)),
    'a hard link through a link': archive(link('l', outside), hard('h', 'l/secret'), rawFile('h', 'x')),
    'a hard link to a link, then a file': archive(
      link('l', `${outside}/secret`),
      hard('h', 'l'),
      rawFile('h', 'x'),
    ),
    'a hard link in the place of a directory': archive(dir('d'), hard('d', `${outside}/secret`)),
    'a hard link to itself': archive(hard('h', 'h')),
    'a hard link to what comes later': archive(hard('h', 'f'), rawFile('f', 'x')),
    'links in a circle': archive(link('a', 'b'), link('b', 'a'), rawFile('a/f', 'x')),
    'a whiteout above the root': archive(rawFile(`${away}/.wh.secret`, '')),
    'a whiteout behind a link': archive(link('l', outside), rawFile('l/.wh.secret', '')),
    'a whiteout of what is above': archive(dir('a'), rawFile('a/.wh...', '')),
    'an opaque marker behind a link': archive(link('l', outside), rawFile('l/.wh..wh..opq', '')),
    'an opaque marker above the root': archive(rawFile(`${away}/.wh..wh..opq`, '')),
    'a name with a zero byte': archive(
      rawPax(new Map([['path', Buffer.from(`a\0${away}`)]])),
      rawFile('x', 'x'),
    ),
    'a link name with a zero byte': archive(
      rawPax(new Map([['linkpath', Buffer.from(`${outside}/secret\0x`)]])),
      hard('h', 'x'),
    ),
    'a sparse name above the root': archive(
      rawPax(
        new Map([
          ['GNU.sparse.name', Buffer.from(`${away}/made`)],
          ['GNU.sparse.map', Buffer.from('0,1')],
          ['GNU.sparse.size', Buffer.from('1')],
        ]),
      ),
      rawFile('x', 'x'),
    ),
    'a root that is a link': archive(link('.', outside), rawFile('made', 'x')),
    'a root that is a hard link': archive(hard('./', `${outside}/secret`)),
  };
};

/** A directory outside of all roots with one file, and a look at whether both are as they were. */
export interface Outside extends Disposable {
  readonly path: string;
  /** What is wrong with it; empty when nothing was touched. */
  touched(): string;
}

export const makeOutside = (): Outside => {
  const path = mkdtempSync(join(tmpdir(), 'lade-outside-'));
  const secret = join(path, 'secret');
  writeFileSync(secret, 'secret', { mode: 0o600 });
  for (const each of [secret, path]) utimesSync(each, 1_500_000_000, 1_500_000_000);
  const look = (): string =>
    [path, secret]
      .map((each) => lstatSync(each, { throwIfNoEntry: false }))
      .map((stats) =>
        [stats?.mode, stats?.uid, stats?.gid, stats?.nlink, stats?.size, stats?.mtimeMs].join(' '),
      )
      .concat(readdirSync(path), existsSync(secret) ? readFileSync(secret, 'latin1') : 'gone')
      .join('\n');
  const before = look();
  return {
    path,
    touched: () => (look() === before ? '' : look()),
    [Symbol.dispose]: () => rmSync(path, { recursive: true }),
  };
};
