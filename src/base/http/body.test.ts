import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { drained } from './index.ts';

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
