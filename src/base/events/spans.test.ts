import { expect, test } from 'vitest';
import { onSpan, span, type Span } from './index.ts';

test('a span names its work, its subject and how long it took, also when it failed', async () => {
  const seen: Span[] = [];
  const listening = onSpan((one) => seen.push(one));
  const answer = await span('count', 'c1', () => 42);
  await expect(span('fail', 'c1', () => Promise.reject(new Error('no')))).rejects.toThrow('no');
  listening[Symbol.dispose]();
  await span('unseen', 'c1', () => undefined);
  expect(answer).toBe(42);
  expect(seen.map(({ name, subject }) => [name, subject])).toEqual([
    ['count', 'c1'],
    ['fail', 'c1'],
  ]);
  expect(seen.every(({ from, to }) => to >= from)).toBe(true);
});

test('work begins before span returns, so that it may rely on the caller\u2019s turn', () => {
  let began = false;
  void span('begin', '', () => {
    began = true;
  });
  expect(began).toBe(true);
});
