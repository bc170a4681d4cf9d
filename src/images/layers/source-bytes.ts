import { closeSync, openSync, readSync } from 'node:fs';
import { setImmediate, setTimeout } from 'node:timers/promises';
import type { MessagePort } from 'node:worker_threads';
import { createInflater, decompress, packingOf } from '#tar';
import { layerErrors } from './errors.ts';
import { filledPart } from './slots.ts';
import { ask } from './source-port.ts';
import type { Compression } from './types.ts';

/** What a worker can read: a file, one that grows, or a stream served over a port. */
export type WorkerSource =
  | { readonly kind: 'file'; readonly path: string; readonly growth?: MessagePort | undefined }
  | { readonly kind: 'port'; readonly port: MessagePort; readonly slots?: SharedArrayBuffer | undefined };

/** Read and unpacked at a time. */
const CHUNK = 256 * 1024;

/** Bytes that may be read now; waits for a chunk more where the file grows. -1 when it grows no more. */
const readable = async (growth: MessagePort | undefined, position: number): Promise<number> => {
  if (growth === undefined) return -1;
  for (;;) {
    const answer = await ask(growth, position + CHUNK - 1);
    if (answer.kind === 'failed') throw layerErrors.sourceFailed({ reason: answer.message });
    if (answer.kind !== 'available') return -1;
    if (answer.bytes > position) return answer.bytes;
    await setTimeout(5);
  }
};

/** The bytes of a file, always in the same buffer. */
async function* fileChunks(path: string, growth?: MessagePort): AsyncGenerator<Buffer, void, undefined> {
  const fd = openSync(path, 'r');
  const buffer = Buffer.allocUnsafeSlow(CHUNK);
  try {
    let limit = 0;
    for (let position = 0; ;) {
      if (limit !== -1 && position >= limit) limit = await readable(growth, position);
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

async function* portChunks({
  port,
  slots,
}: Extract<WorkerSource, { kind: 'port' }>): AsyncGenerator<Buffer, void, undefined> {
  for (let position = 0; ;) {
    const answer = await ask(port, position);
    if (answer.kind === 'failed') throw layerErrors.sourceFailed({ reason: answer.message });
    if (answer.kind === 'filled' && slots !== undefined) {
      position += answer.length;
      yield filledPart(slots, answer.half, answer.length);
      continue;
    }
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

/** For readers that keep what they are given. */
async function* copies(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void, undefined> {
  for await (const chunk of chunks) yield Buffer.from(chunk);
}

const asLayerError = (error: unknown): unknown => {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (!code.startsWith('Z_') && !code.startsWith('ZSTD_')) return error;
  return layerErrors.badContent({ reason: 'its compressed form is damaged or cut off' }, error);
};

interface Passage {
  /** Takes the next bytes, which are overwritten once it returns. */
  readonly take: (piece: Buffer) => void;
  /** Lets other work of the thread go on, now and then. */
  readonly pause: () => Promise<void>;
}

const passAll = async (chunks: AsyncIterable<Buffer>, { take, pause }: Passage): Promise<void> => {
  for await (const chunk of chunks) {
    take(chunk);
    await pause();
  }
};

const inflateAll = async (chunks: AsyncIterable<Buffer>, { take, pause }: Passage): Promise<void> => {
  using inflater = createInflater(take);
  await passAll(chunks, { take: (chunk) => inflater.feed(chunk), pause });
  inflater.end();
};

/** Longest time without giving other jobs of this thread a turn, in milliseconds. */
const TURN = 5;

const createPause = (): Passage['pause'] => {
  let since = performance.now();
  return async () => {
    if (performance.now() - since < TURN) return;
    await setImmediate();
    since = performance.now();
  };
};

const headOf = async (raw: AsyncIterator<Buffer>): Promise<Buffer> => {
  let head = Buffer.alloc(0);
  while (head.length < MAGIC_BYTES) {
    const next = await raw.next();
    if (next.done === true) break;
    head = Buffer.concat([head, next.value]);
  }
  return head;
};

/** Passes the uncompressed bytes of a source to `take`, on this thread; a piece is overwritten once it returns. */
export const passSource = async (
  source: WorkerSource,
  compression: Compression,
  take: Passage['take'],
): Promise<void> => {
  const raw = source.kind === 'file' ? fileChunks(source.path, source.growth) : portChunks(source);
  const passage: Passage = { take, pause: createPause() };
  try {
    const head = await headOf(raw);
    const chunks = withHead(head, raw);
    const packing = compression === 'auto' ? packingOf(head) : compression;
    if (packing === 'none') await passAll(chunks, passage);
    else if (packing === 'gzip') await inflateAll(chunks, passage);
    else if (packing === 'zstd') await passAll(decompress(packing, copies(chunks)), passage);
    else unsupported(packing);
  } catch (error) {
    throw asLayerError(error);
  } finally {
    await raw.return(undefined);
  }
};
