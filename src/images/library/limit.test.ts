import { describe, expect, it } from 'vitest';
import { createLimit } from './limit.ts';

/** Tasks that end when told. */
const createTasks = (size: number) => {
  const limit = createLimit(size);
  const started: string[] = [];
  const ends = new Map<string, () => void>();
  const add = (name: string, options: Parameters<typeof limit>[1] = {}): Promise<string> =>
    limit(async () => {
      started.push(name);
      await new Promise<void>((resolve) => void ends.set(name, resolve));
      return name;
    }, options);
  const end = async (name: string): Promise<void> => {
    ends.get(name)?.();
    await new Promise(setImmediate);
  };
  return { limit, started, add, end };
};

describe('a limit', () => {
  it('lets the heaviest of those that wait go first, equal ones in order', async () => {
    const { limit, started, add, end } = createTasks(1);
    const all = ['first', 'a', 'b'].map((name) => add(name));
    all.push(add('heavy', { weight: 5 }));
    expect(limit.busy()).toBe(true);
    for (const name of ['first', 'heavy', 'a', 'b']) await end(name);
    await expect(Promise.all(all)).resolves.toHaveLength(4);
    expect(started).toEqual(['first', 'heavy', 'a', 'b']);
    expect(limit.busy()).toBe(false);
  });

  it('forgets who gives up while it waits', async () => {
    const { started, add, end } = createTasks(1);
    const controller = new AbortController();
    const first = add('first');
    const given = add('given up', { signal: controller.signal });
    const last = add('last');
    controller.abort(new Error('enough'));
    await expect(given).rejects.toThrow('enough');
    await end('first');
    await end('last');
    await expect(Promise.all([first, last])).resolves.toEqual(['first', 'last']);
    expect(started).toEqual(['first', 'last']);
  });
});
