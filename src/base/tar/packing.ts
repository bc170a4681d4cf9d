import { pipeline, Readable } from 'node:stream';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { splitZstdFrames } from './zstd-frames.ts';

/** What an archive is packed with, told by its first bytes. */
export type Packing = 'none' | 'gzip' | 'zstd' | 'bzip2' | 'xz';

const MAGIC: readonly (readonly [Packing, Buffer])[] = [
  ['gzip', Buffer.of(0x1f, 0x8b)],
  ['zstd', Buffer.of(0x28, 0xb5, 0x2f, 0xfd)],
  ['bzip2', Buffer.from('BZh')],
  ['xz', Buffer.of(0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00)],
];
/** As many bytes as `packingOf` wants to see. */
const HEAD_BYTES = 6;
const CHUNK_BYTES = 256 * 1024;

/** The packing of what begins with `head`: six bytes, or all of it. */
export const packingOf = (head: Uint8Array): Packing =>
  MAGIC.find(([, magic]) => magic.equals(head.subarray(0, magic.length)))?.[0] ?? 'none';

/**
 * Unpacks gzip (of any number of members) or zstd (of any number of frames; Node's decoder alone stops after the first
 * without a word). Destroying the stream lets go of `chunks`; damage is an error of node:zlib (code `Z_…`, `ZSTD_…`).
 */
export const decompress = (packing: 'gzip' | 'zstd', chunks: AsyncIterable<Buffer>): Readable => {
  const options = { chunkSize: CHUNK_BYTES };
  const source = packing === 'zstd' ? splitZstdFrames(chunks) : chunks;
  // Whoever reads the result is told of a failure; the callback keeps it from being unhandled.
  return pipeline(
    Readable.from(source, { objectMode: false, highWaterMark: CHUNK_BYTES }),
    packing === 'zstd' ? createZstdDecompress(options) : createGunzip(options),
    () => undefined,
  );
};

const toBuffer = ({ buffer, byteOffset, length }: Uint8Array): Buffer =>
  Buffer.from(buffer, byteOffset, length);

/**
 * The bytes of a stream that may be packed by gzip or zstd; anything else passes as it is. A reader that stops early
 * leaves the stream open, since it may be a connection that still carries the answer.
 */
export const unpackedBytes = async (chunks: AsyncIterable<Uint8Array>): Promise<AsyncIterable<Buffer>> => {
  const iterator = chunks[Symbol.asyncIterator]();
  let head: Buffer = Buffer.alloc(0);
  while (head.length < HEAD_BYTES) {
    const next = await iterator.next();
    if (next.done === true) break;
    head = Buffer.concat([head, next.value]);
  }
  const all = async function* (): AsyncGenerator<Buffer, void, undefined> {
    if (head.length > 0) yield head;
    for (let next = await iterator.next(); next.done !== true; next = await iterator.next())
      yield toBuffer(next.value);
  };
  const packing = packingOf(head);
  return packing === 'gzip' || packing === 'zstd' ? decompress(packing, all()) : all();
};
