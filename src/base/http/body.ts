import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { httpErrors } from './errors.ts';

/** Reads a whole stream of at most `maxBytes`; fails with HTTP_BODY_TOO_LARGE and destroys it when it is longer. */
export const collect = async (stream: Readable, maxBytes: number): Promise<Buffer> => {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of stream as AsyncIterable<Uint8Array>) {
    size += chunk.length;
    if (size > maxBytes) throw httpErrors.bodyTooLarge({ limit: maxBytes });
    chunks.push(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length));
  }
  return Buffer.concat(chunks, size);
};

/** Resolves when `stream` takes bytes again or is closed; leaves no listener behind, whatever it waited for. */
export const drained = async (stream: Writable): Promise<void> => {
  if (stream.destroyed || !stream.writableNeedDrain) return;
  const listening = new AbortController();
  // Closing ends the wait; what the stream failed with is told to those who write.
  const waits = ['drain', 'close'].map((event) => once(stream, event, listening).catch(() => undefined));
  await Promise.race(waits);
  listening.abort();
};

/**
 * Frees the memory of a chunk that came from a connection, whose bytes nobody needs any more: it and all views of the
 * same bytes are empty afterwards. Chunks that share their memory with others are left alone.
 */
export const releaseChunk = (chunk: Uint8Array): void => {
  const { buffer, byteLength } = chunk;
  if (buffer instanceof ArrayBuffer && buffer.byteLength === byteLength) buffer.transfer(0);
};

/** Bytes that may wait for their reader before the stream is told to pause. */
const WAITING_BYTES = 256 * 1024;

/**
 * The chunks of a stream as they arrived. Iterating the stream itself puts together what waits, so that at full speed
 * every byte is copied and the chunks are left to the garbage collector. Who gives up midway destroys the stream, unless it is
 * to be kept: a request must be answered all the same.
 */
export async function* chunksOf(
  stream: Readable,
  { keep = false }: { readonly keep?: boolean } = {},
): AsyncGenerator<Buffer, void, undefined> {
  const waiting: Buffer[] = [];
  let bytes = 0;
  let wake = (): void => undefined;
  const onData = (chunk: Buffer): void => {
    waiting.push(chunk);
    bytes += chunk.length;
    if (bytes >= WAITING_BYTES) stream.pause();
    wake();
  };
  const closed = finished(stream, { writable: false }).finally(() => wake());
  closed.catch(() => undefined);
  stream.on('data', onData);
  try {
    for (;;) {
      for (let chunk = waiting.shift(); chunk !== undefined; chunk = waiting.shift()) {
        bytes -= chunk.length;
        yield chunk;
      }
      if (stream.destroyed || stream.readableEnded) break;
      const news = new Promise<void>((resolve) => (wake = resolve));
      stream.resume();
      await news;
    }
    await closed;
  } finally {
    stream.off('data', onData);
    if (!keep) stream.destroy();
  }
}
