import { expect, test } from 'vitest';
import { createSharedSync } from './shared-sync.ts';

test('calls that come during one share the next, which begins after them', async () => {
  const runs: PromiseWithResolvers<undefined>[] = [];
  const sync = createSharedSync(async () => {
    const run = Promise.withResolvers<undefined>();
    runs.push(run);
    await run.promise;
  });
  const order: string[] = [];
  const call = async (name: string): Promise<void> => {
    await sync();
    order.push(name);
  };
  const first = call('first');
  const others = [call('second'), call('third')];
  expect(runs).toHaveLength(1);
  runs[0]?.resolve(undefined);
  await first;
  await expect.poll(() => runs.length).toBe(2);
  expect(order).toEqual(['first']);
  const last = call('last');
  runs[1]?.reject(new Error('broken disk'));
  expect(await Promise.allSettled(others)).toMatchObject([{ status: 'rejected' }, { status: 'rejected' }]);
  await expect.poll(() => runs.length).toBe(3);
  runs[2]?.resolve(undefined);
  await last;
  expect(order).toEqual(['first', 'last']);
});
