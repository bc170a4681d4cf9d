import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { parseDigest, type Digest } from '#oci';
import { createPromises } from './promises.ts';

const WINDOW_MS = 3_600_000;
const digestAt = (index: number): Digest => parseDigest(`sha256:${index.toString(16).padStart(64, '0')}`);
const other = (index: number): Digest => parseDigest(`sha256:${index.toString(16).padEnd(64, 'f')}`);

let nowMs = 0;
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'] });
  nowMs = Date.now();
});
afterEach(() => {
  vi.useRealTimers();
});

const advance = (ms: number): void => {
  nowMs += ms;
  vi.setSystemTime(nowMs);
};

test('a promise holds for the window, in its repository', () => {
  const promises = createPromises({ windowMs: WINDOW_MS, startMs: 0 });
  void promises.promised('a', digestAt(1));
  expect(promises.isPromised('a', digestAt(1), WINDOW_MS)).toBe(true);
  expect(promises.isPromised('b', digestAt(1), WINDOW_MS)).toBe(false);
  expect(promises.isPromised('a', other(1), WINDOW_MS)).toBe(false);
  expect(promises.isPromised('a', digestAt(1), 0)).toBe(false);
  advance(WINDOW_MS - 1);
  expect(promises.isPromised('a', digestAt(1), WINDOW_MS)).toBe(true);
  advance(WINDOW_MS / 10 + 1);
  expect(promises.isPromised('a', digestAt(1), WINDOW_MS)).toBe(false);
});

test('everything is promised after a start without a memory, until the window has passed', () => {
  const promises = createPromises({ windowMs: WINDOW_MS, startMs: nowMs });
  expect(promises.isPromised('a', digestAt(1), WINDOW_MS)).toBe(true);
  advance(WINDOW_MS + 1);
  expect(promises.isPromised('a', digestAt(1), WINDOW_MS)).toBe(false);
});

test.each([WINDOW_MS, WINDOW_MS / 7, WINDOW_MS * 3])(
  'what an earlier process remembered holds as long, with a window of %i',
  (windowMs) => {
    const earlier = createPromises({ windowMs: WINDOW_MS, startMs: 0 });
    void earlier.promised('a', digestAt(1));
    advance(1000);
    const promises = createPromises({ windowMs, startMs: nowMs, earlier: earlier.toText() });
    expect(promises.isPromised('a', digestAt(1), windowMs)).toBe(true);
    expect(promises.isPromised('a', other(2), windowMs)).toBe(false);
  },
);

test('when there are too many, whole repositories are protected, and the memory does not grow', () => {
  const promises = createPromises({ windowMs: WINDOW_MS, startMs: 0, limit: 100 });
  for (let index = 0; index < 5000; index += 1) void promises.promised('a', other(index));
  void promises.promised('b', digestAt(1));
  expect(promises.isPromised('b', digestAt(1), WINDOW_MS)).toBe(true);
  expect(promises.isPromised('a', digestAt(7), WINDOW_MS)).toBe(true);
  expect(promises.isPromised('c', digestAt(7), WINDOW_MS)).toBe(false);
  expect(promises.toText().length).toBeLessThan(5000);
  advance(2 * WINDOW_MS);
  void promises.promised('a', other(1));
  expect(promises.isPromised('a', other(7), WINDOW_MS)).toBe(false);
});

test('with a longer window, what was promised before the one so far is protected for the new one', () => {
  const promises = createPromises({ windowMs: WINDOW_MS, startMs: 0 });
  void promises.promised('a', digestAt(1));
  advance(2 * WINDOW_MS);
  void promises.promised('b', digestAt(2));
  promises.configure(4 * WINDOW_MS);
  expect(promises.isPromised('a', digestAt(1), 4 * WINDOW_MS)).toBe(true);
  expect(JSON.parse(promises.toText())).toMatchObject({ sinceMs: nowMs });
  promises.configure(WINDOW_MS);
  advance(4 * WINDOW_MS + 1);
  expect(promises.isPromised('a', digestAt(1), 4 * WINDOW_MS)).toBe(false);
});

test('who is promised something that is being removed waits', async () => {
  const promises = createPromises({ windowMs: WINDOW_MS, startMs: 0 });
  const gate = Promise.withResolvers<void>();
  const removing = promises.removing('a', [digestAt(1)], () => gate.promise);
  expect(promises.promised('a', other(2))).toBeUndefined();
  expect(promises.promised('b', digestAt(1))).toBeUndefined();
  let isSettled = false;
  const waiting = promises.promised('a', digestAt(1))?.then(() => {
    isSettled = true;
  });
  await Promise.resolve();
  expect([waiting !== undefined, isSettled]).toEqual([true, false]);
  gate.resolve();
  await removing;
  await waiting;
  expect(promises.promised('a', digestAt(1))).toBeUndefined();
});
