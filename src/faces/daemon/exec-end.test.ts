import { afterEach, expect, test, vi } from 'vitest';
import type { OutputChunk } from '#runtime';
import { endingWithExit } from './exec-end.ts';

afterEach(() => void vi.useRealTimers());

const shortOutput = async function* (): AsyncGenerator<OutputChunk> {
  yield { stream: 'stdout', data: Buffer.from('out') };
};

test('the output of an exec ends no sooner than its exit code is known, also where that takes seconds', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const { promise: ended, resolve } = Promise.withResolvers<void>();
  const session = { tty: false, stdin: undefined, output: shortOutput(), close: () => undefined };
  const { output } = endingWithExit(session, { ended, [Symbol.dispose]: () => undefined });
  let over = false;
  const all = (async () => {
    for await (const { data } of output) expect(data.toString()).toBe('out');
    over = true;
  })();
  await vi.advanceTimersByTimeAsync(10_000);
  expect(over).toBe(false);
  resolve();
  await all;
});
