import { PassThrough, Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { chunksOf, drained } from './index.ts';

const full = (): PassThrough => {
  const stream = new PassThrough({ highWaterMark: 1 });
  stream.write('much');
  return stream;
};

test('waits until the stream takes more, and leaves no listener', async () => {
  const stream = full();
  const before = stream.eventNames().length;
  const waiting = drained(stream);
  expect(stream.listenerCount('drain')).toBe(1);
  stream.resume();
  await waiting;
  expect(stream.writableNeedDrain).toBe(false);
  await drained(stream);
  await new Promise(setImmediate);
  expect(stream.listenerCount('drain') + stream.listenerCount('close')).toBe(0);
  expect(stream.eventNames().length).toBe(before);
});

test('a stream that fails or closes ends the wait', async () => {
  const failing = full().on('error', () => undefined);
  const waiting = drained(failing);
  failing.destroy(new Error('gone'));
  await waiting;
  await drained(failing);
  expect(failing.listenerCount('drain')).toBe(0);
});

const all = async (chunks: AsyncIterable<Buffer>): Promise<Buffer> => {
  const seen: Buffer[] = [];
  for await (const chunk of chunks) seen.push(chunk);
  return Buffer.concat(seen);
};

describe('the chunks of a stream', () => {
  const chunks = Array.from({ length: 40 }, (_none, index) => Buffer.alloc(16_384, index));

  test('arrive as they were, however slow their reader is', async () => {
    const stream = new PassThrough({ highWaterMark: 1 << 20 });
    for (const chunk of chunks) stream.write(chunk);
    stream.end();
    const seen: Buffer[] = [];
    for await (const chunk of chunksOf(stream)) {
      if (seen.length % 10 === 0) await sleep(5);
      seen.push(chunk);
    }
    expect(seen.length).toBe(chunks.length);
    expect(Buffer.concat(seen).equals(Buffer.concat(chunks))).toBe(true);
  });

  test('make a fast source wait', async () => {
    let made = 0;
    const source = Readable.from(
      (async function* () {
        for (; made < 200; made += 1) yield Buffer.alloc(16_384);
      })(),
      { highWaterMark: 1 },
    );
    const reader = chunksOf(source);
    await reader.next();
    await sleep(20);
    expect(made).toBeLessThan(40);
    await reader.return();
    expect(source.destroyed).toBe(true);
  });

  test('end with what the stream failed with, and tell of a close without an end', async () => {
    const failing = new PassThrough();
    failing.write('some');
    setImmediate(() => failing.destroy(new Error('gone')));
    await expect(all(chunksOf(failing))).rejects.toThrow('gone');
    const closing = new PassThrough();
    setImmediate(() => closing.destroy());
    await expect(all(chunksOf(closing))).rejects.toMatchObject({
      code: 'ERR_STREAM_PREMATURE_CLOSE',
    });
  });
});
