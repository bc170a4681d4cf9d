import { expect, test } from 'vitest';
import { createOccupation } from './occupation.ts';

test('nothing is removed while it is in use, and nobody begins while it is removed', async () => {
  const occupation = createOccupation();
  const seen: string[] = [];
  const gate = (): { readonly opened: Promise<void>; readonly open: () => void } => {
    const { promise: opened, resolve: open } = Promise.withResolvers<void>();
    return { opened, open };
  };
  const [use, removal] = [gate(), gate()];
  const first = occupation.during(() => use.opened);
  expect(occupation.isBusy()).toBe(true);
  expect(await occupation.removing(async () => void seen.push('never'))).toBe(false);
  use.open();
  await first;
  expect(occupation.isBusy()).toBe(false);
  const removed = occupation.removing(async () => {
    await removal.opened;
    seen.push('removed');
  });
  const second = occupation.during(async () => void seen.push('used'));
  await new Promise((resolve) => setImmediate(resolve));
  expect(seen).toEqual([]);
  removal.open();
  expect(await removed).toBe(true);
  await second;
  expect(seen).toEqual(['removed', 'used']);
});

test('a removal that fails tells who asked for it, and holds up nobody', async () => {
  const occupation = createOccupation();
  const removed = occupation.removing(() => Promise.reject(new Error('disk')));
  const used = occupation.during(() => Promise.resolve('used'));
  await expect(removed).rejects.toThrow('disk');
  expect(await used).toBe('used');
  expect(await occupation.removing(() => Promise.resolve())).toBe(true);
});
