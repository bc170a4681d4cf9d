import { closeSync, openSync, readSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import type { MessagePort } from 'node:worker_threads';
import { decompress, packingOf } from '#tar';
import { layerErrors } from './errors.ts';
import { ask } from './source-port.ts';
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

const unsupported = (name: string): never => {
  throw layerErrors.compressionUnsupported({ name });
};

/** What tells a packing from another. */
const MAGIC_BYTES = 6;

/** Puts back the bytes that were read to look at. */
async function* withHead(head: Buffer, rest: AsyncIterator<Buffer>): AsyncGenerator<Buffer, void, undefined> {
  if (head.length > 0) yield head;
  for (let next = await rest.next(); next.done !== true; next = await rest.next()) yield next.value;
}

async function* decoded(
  packing: 'gzip' | 'zstd',
  chunks: AsyncIterable<Buffer>,
): AsyncGenerator<Buffer, void, undefined> {
  try {
    for await (const chunk of decompress(packing, chunks)) yield chunk as Buffer;
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
  let head: Buffer = Buffer.alloc(0);
  while (head.length < MAGIC_BYTES) {
    const next = await raw.next();
    if (next.done === true) break;
    head = head.length === 0 ? next.value : Buffer.concat([head, next.value]);
  }
  const chunks = withHead(head, raw);
  try {
    const packing = compression === 'auto' ? packingOf(head) : compression;
    if (packing === 'none') yield* chunks;
    else if (packing === 'gzip' || packing === 'zstd') yield* decoded(packing, chunks);
    else unsupported(packing);
  } finally {
    await raw.return(undefined);
  }
}
