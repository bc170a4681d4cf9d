import { closeSync, openSync, readSync } from 'node:fs';
import { pipeline, Readable, type Transform } from 'node:stream';
import { setTimeout } from 'node:timers/promises';
import type { MessagePort } from 'node:worker_threads';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { layerErrors } from './errors.ts';
import { ask } from './source-port.ts';
import { splitZstdFrames } from './zstd-frames.ts';
import type { Compression } from './types.ts';

/** What a worker can read: a file, one that grows, or a stream served over a port. */
export type WorkerSource =
  | { readonly kind: 'file'; readonly path: string; readonly growth?: MessagePort | undefined }
  | { readonly kind: 'port'; readonly port: MessagePort };

/** zlib's default of 16 KiB halves the speed. */
const CHUNK = 256 * 1024;

/** Bytes that may be read now; waits for more where the file grows. -1 at its end. */
const readable = async (growth: MessagePort | undefined, position: number): Promise<number> => {
  if (growth === undefined) return Number.MAX_SAFE_INTEGER;
  for (;;) {
    const answer = await ask(growth, position);
    if (answer.kind === 'failed') throw layerErrors.sourceFailed({ reason: answer.message });
    if (answer.kind !== 'available') return -1;
    if (answer.bytes > position) return answer.bytes;
    await setTimeout(5);
  }
};

async function* fileChunks(path: string, growth?: MessagePort): AsyncGenerator<Buffer, void, undefined> {
  const fd = openSync(path, 'r');
  try {
    let limit = 0;
    for (let position = 0; ;) {
      if (position >= limit) limit = await readable(growth, position);
      const buffer = Buffer.allocUnsafe(CHUNK);
      const wanted = limit === -1 ? CHUNK : Math.min(CHUNK, limit - position);
      const read = readSync(fd, buffer, 0, wanted, position);
      if (read === 0) return;
      position += read;
      yield buffer.subarray(0, read);
    }
  } finally {
    closeSync(fd);
  }
}

async function* portChunks(port: MessagePort): AsyncGenerator<Buffer, void, undefined> {
  for (let position = 0; ;) {
    const answer = await ask(port, position);
    if (answer.kind === 'failed') throw layerErrors.sourceFailed({ reason: answer.message });
    if (answer.kind !== 'chunk') return;
    position += answer.bytes.byteLength;
    yield Buffer.from(answer.bytes.buffer, answer.bytes.byteOffset, answer.bytes.byteLength);
  }
}

const MAGIC: readonly (readonly [name: string, bytes: Buffer])[] = [
  ['gzip', Buffer.of(0x1f, 0x8b)],
  ['zstd', Buffer.of(0x28, 0xb5, 0x2f, 0xfd)],
  ['xz', Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00])],
  ['bzip2', Buffer.from('BZh')],
];

const sniff = (head: Buffer): string =>
  MAGIC.find(([, bytes]) => head.subarray(0, bytes.length).equals(bytes))?.[0] ?? 'none';

const decoder = (name: string): Transform | undefined => {
  if (name === 'none') return undefined;
  if (name === 'gzip') return createGunzip({ chunkSize: CHUNK });
  if (name === 'zstd') return createZstdDecompress({ chunkSize: CHUNK });
  throw layerErrors.compressionUnsupported({ name });
};

/** Puts back the chunk that was read to look at. */
async function* withHead(head: Buffer, rest: AsyncIterator<Buffer>): AsyncGenerator<Buffer, void, undefined> {
  if (head.length > 0) yield head;
  for (let next = await rest.next(); next.done !== true; next = await rest.next()) yield next.value;
}

async function* decoded(
  chunks: AsyncIterable<Buffer>,
  transform: Transform,
): AsyncGenerator<Buffer, void, undefined> {
  // The iteration below reports every failure; the callback only keeps it from being unhandled.
  const output = pipeline(
    Readable.from(chunks, { objectMode: false, highWaterMark: CHUNK }),
    transform,
    () => undefined,
  );
  try {
    for await (const chunk of output) yield chunk as Buffer;
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    if (!code.startsWith('Z_') && !code.startsWith('ZSTD_')) throw error;
    throw layerErrors.badContent({ reason: 'its compressed form is damaged or cut off' }, error);
  }
}

/** The uncompressed bytes of a source. */
export async function* sourceBytes(
  source: WorkerSource,
  compression: Compression,
): AsyncGenerator<Buffer, void, undefined> {
  const raw = source.kind === 'file' ? fileChunks(source.path, source.growth) : portChunks(source.port);
  const first = await raw.next();
  const head = first.done === true ? Buffer.alloc(0) : first.value;
  const chunks = withHead(head, raw);
  try {
    const name = compression === 'auto' ? sniff(head) : compression;
    const transform = decoder(name);
    if (transform === undefined) yield* chunks;
    else yield* decoded(name === 'zstd' ? splitZstdFrames(chunks) : chunks, transform);
  } finally {
    await raw.return(undefined);
  }
}
