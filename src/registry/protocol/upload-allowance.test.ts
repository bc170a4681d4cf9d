import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createUploadAllowance, type UploadAllowance } from './upload-allowance.ts';

interface World {
  used: number;
  readonly evicted: string[];
  readonly allowance: UploadAllowance;
}

/** One quota of 100 bytes for everything. */
const world = (idleMs = 0): World => {
  const evicted: string[] = [];
  const made: World = {
    used: 0,
    evicted,
    allowance: createUploadAllowance({
      policies: {
        quotasOf: (repository) =>
          repository === 'free'
            ? []
            : [{ repositories: '**', scope: undefined, used: made.used, limit: 100 }],
      },
      evict: async (id) => {
        await Promise.resolve();
        evicted.push(id);
      },
      idleMs,
    }),
  };
  return made;
};

const session = (id: string, repository = 'a') => ({ id, repository });

describe('uploads in flight', () => {
  test('count together with what is there, and say so', async () => {
    const { allowance } = Object.assign(world(), {});
    await allowance.reserve(session('1'), 60);
    await allowance.reserve(session('1'), 70);
    await expect(allowance.reserve(session('2'), 31)).rejects.toMatchObject({
      kind: 'permission-denied',
      details: { used: 70, limit: 100, asked: 31 },
    });
    await allowance.reserve(session('2'), 30);
    allowance.release('1');
    await allowance.reserve(session('2'), 100);
    await allowance.reserve(session('3', 'free'), 1e9);
  });

  test('at once never take more than there is', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ id: fc.nat(9), bytes: fc.integer({ min: 1, max: 60 }) }), { maxLength: 30 }),
        async (asked) => {
          const { allowance, evicted } = world();
          const held = new Map<number, number>();
          await Promise.all(
            asked.map(async ({ id, bytes }) => {
              const taken = await allowance.reserve(session(String(id)), bytes).then(
                () => true,
                () => false,
              );
              if (taken) held.set(id, bytes);
            }),
          );
          expect([...held.values()].reduce((sum, bytes) => sum + bytes, 0)).toBeLessThanOrEqual(100);
          expect(evicted).toEqual([]);
        },
      ),
    );
  });

  test('that nobody writes to give way, the oldest first, where that helps', async () => {
    const one = world();
    await one.allowance.reserve(session('old'), 40);
    one.allowance.rest('old');
    await one.allowance.reserve(session('busy'), 40);
    await expect(one.allowance.reserve(session('new'), 101)).rejects.toThrow(/exceeded/);
    expect(one.evicted).toEqual([]);
    await one.allowance.reserve(session('new'), 50);
    expect(one.evicted).toEqual(['old']);
    await expect(one.allowance.reserve(session('more'), 50)).rejects.toThrow(/90 of 100/);
    const two = world(60_000);
    await two.allowance.reserve(session('young'), 60);
    two.allowance.rest('young');
    await expect(two.allowance.reserve(session('new'), 50)).rejects.toThrow(/exceeded/);
  });

  test('over a full quota nothing begins', async () => {
    const full = world();
    full.used = 120;
    await full.allowance.reserve(session('empty'), 0);
    await expect(full.allowance.reserve(session('1'), 1)).rejects.toThrow(
      /120 of 100 bytes are used, 1 more/,
    );
  });
});
