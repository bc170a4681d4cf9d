import type { NewEntry } from '#metadata';
import { expect, test } from 'vitest';
import { isRefusal } from './refusal-entry.ts';
import { createRefusals } from './refusals.ts';

const entry = (reason: string): NewEntry => ({
  action: 'push',
  outcome: 'refused',
  reason,
  cause: { actor: 'somebody' },
});

/** A journal whose writes resolve when the test says so. */
const createSlowJournal = () => {
  const batches: (readonly NewEntry[])[] = [];
  const waiting: (() => void)[] = [];
  return {
    batches,
    append: (entries: readonly NewEntry[]): Promise<void> => {
      batches.push(entries);
      return new Promise((resolve) => waiting.push(resolve));
    },
    release: async (): Promise<void> => {
      waiting.shift()?.();
      await new Promise((resolve) => setImmediate(resolve));
    },
  };
};

const reasons = (batch: readonly NewEntry[] | undefined) => batch?.map(({ reason }) => reason);

test('what comes during a write is written together with the next one', async () => {
  const journal = createSlowJournal();
  const refusals = createRefusals(journal, { now: () => 0 });
  for (const reason of ['a', 'b', 'c']) refusals.record(entry(reason));
  expect(journal.batches.map(reasons)).toEqual([['a']]);
  await journal.release();
  expect(journal.batches.map(reasons)).toEqual([['a'], ['b', 'c']]);
});

test('a flood is counted instead of written, and told later', async () => {
  const journal = createSlowJournal();
  let now = 0;
  const refusals = createRefusals(journal, { burst: 3, perSecond: 1, now: () => now });
  for (let count = 0; count < 100; count += 1) refusals.record(entry(String(count)));
  await journal.release();
  await journal.release();
  expect(journal.batches.flat()).toHaveLength(4);
  expect(journal.batches.flat().at(-1)?.reason).toBe('97 more refusals came too fast to be recorded');
  now = 1000;
  refusals.record(entry('one a second'));
  refusals.record(entry('not two'));
  expect(reasons(journal.batches.at(-1))).toEqual(['one a second']);
});

test('a journal that fails stops nobody', async () => {
  const refusals = createRefusals({ append: () => Promise.reject(new Error('full')) });
  for (let count = 0; count < 3; count += 1) {
    refusals.record(entry('x'));
    await new Promise((resolve) => setImmediate(resolve));
  }
});

test.each([
  [{ status: 403, code: 'DENIED', method: 'GET', authorization: undefined }, true],
  [{ status: 409, code: 'DENIED', method: 'PUT', authorization: 'x' }, true],
  [{ status: 401, code: 'UNAUTHORIZED', method: 'PUT', authorization: undefined }, true],
  [{ status: 401, code: 'UNAUTHORIZED', method: 'GET', authorization: undefined }, false],
  [{ status: 401, code: 'UNAUTHORIZED', method: 'PUT', authorization: 'Bearer old' }, false],
  [{ status: 507, code: 'DENIED', method: 'PUT', authorization: 'x' }, false],
  [{ status: 404, code: 'MANIFEST_UNKNOWN', method: 'GET', authorization: 'x' }, false],
])('%j is a refusal: %s', (answer, expected) => {
  expect(isRefusal(answer)).toBe(expected);
});
