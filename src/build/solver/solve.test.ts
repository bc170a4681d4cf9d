import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createFlights, createMemoryCache, solve, solverErrors } from './index.ts';
import type { KeyPart, SolveEvent, SolverCache, Vertex, VertexInput } from './index.ts';

interface Made {
  readonly value: string;
}

interface FakeOptions {
  readonly text?: string;
  readonly inputs?: readonly (Vertex<Made> | VertexInput<Made>)[];
  readonly extra?: Partial<Vertex<Made>>;
  readonly run?: (signal: AbortSignal) => Promise<void>;
}

/** Vertices that count how often they were executed. */
const createWorld = () => {
  const calls = new Map<string, number>();
  const vertex = (id: string, options: FakeOptions = {}): Vertex<Made> => ({
    id,
    step: id,
    inputs: (options.inputs ?? []).map((input) => ('vertex' in input ? input : { vertex: input, by: 'key' })),
    definition: [{ kind: 'instruction', name: 'text', value: options.text ?? id }],
    execute: async ({ inputs, signal }) => {
      calls.set(id, (calls.get(id) ?? 0) + 1);
      await options.run?.(signal);
      const value = `${options.text ?? id}(${inputs.map((input) => input.value).join(',')})`;
      return { value: value.length > 500 ? id : value };
    },
    ...options.extra,
  });
  return { calls, vertex };
};

const run = async (
  target: Vertex<Made>,
  cache: SolverCache<Made>,
  more: { parallelism?: number; signal?: AbortSignal } = {},
) => {
  const events: SolveEvent<Made>[] = [];
  const [result] = await solve([target], { cache, emit: (event) => void events.push(event), ...more });
  return { value: result?.value, events, kinds: events.map((event) => `${event.kind} ${event.vertex.id}`) };
};

const differences = (events: readonly SolveEvent<Made>[], id: string) =>
  events.flatMap((event) => (event.kind === 'started' && event.vertex.id === id ? event.differences : []));

const file = (name: string, value: string): KeyPart => ({ kind: 'file', name, value });

/** Work that counts how much of it goes on at once. */
const createGauge = () => {
  const gauge = {
    most: 0,
    working: 0,
    body: async (): Promise<void> => {
      gauge.working += 1;
      gauge.most = Math.max(gauge.most, gauge.working);
      await new Promise((resolve) => setTimeout(resolve, 5));
      gauge.working -= 1;
    },
  };
  return gauge;
};

describe('solve', () => {
  test('executes each vertex once, and nothing that is not needed', async () => {
    const { calls, vertex } = createWorld();
    const base = vertex('base');
    const unused = vertex('unused', { inputs: [base] });
    const target = vertex('target', {
      inputs: [vertex('left', { inputs: [base] }), vertex('right', { inputs: [base] })],
    });
    const { value } = await run(target, createMemoryCache());
    expect(value).toBe('target(left(base()),right(base()))');
    expect([...calls.values()]).toEqual([1, 1, 1, 1]);
    expect(calls.has(unused.id)).toBe(false);
  });

  test('takes everything from the cache the second time', async () => {
    const { calls, vertex } = createWorld();
    const cache = createMemoryCache<Made>();
    const make = () => vertex('b', { inputs: [vertex('a')] });
    await run(make(), cache);
    const second = await run(make(), cache);
    expect(second.kinds).toEqual(['cached a', 'cached b']);
    expect(second.value).toBe('b(a())');
    expect([...calls.values()]).toEqual([1, 1]);
  });

  test('names what changed: a part, a file, an earlier step', async () => {
    const { vertex } = createWorld();
    const cache = createMemoryCache<Made>();
    const make = (text: string, files: readonly KeyPart[]) =>
      vertex('c', {
        inputs: [
          vertex('b', { inputs: [vertex('a', { text })], extra: { sources: () => Promise.resolve(files) } }),
        ],
      });
    const first = await run(make('1', [file('x', 'X'), file('y', 'Y')]), cache);
    expect(differences(first.events, 'c')).toEqual([{ kind: 'unknown-step' }]);
    const second = await run(make('1', [file('x', 'XX'), file('z', 'Z')]), cache);
    expect(second.kinds).toContain('cached a');
    expect(differences(second.events, 'b')).toMatchObject([
      { kind: 'part-changed', part: { name: 'x' }, before: 'X', after: 'XX' },
      { kind: 'part-changed', part: { name: 'z' }, before: undefined, after: 'Z' },
      { kind: 'part-changed', part: { name: 'y' }, before: 'Y', after: undefined },
    ]);
    expect(differences(second.events, 'c')).toEqual([{ kind: 'input-changed', step: 'b' }]);
    const third = await run(make('2', [file('x', 'XX'), file('z', 'Z')]), cache);
    expect(differences(third.events, 'a')).toMatchObject([{ kind: 'part-changed', before: '1', after: '2' }]);
  });

  test('compares with the last run, also when that was cached', async () => {
    const { vertex } = createWorld();
    const cache = createMemoryCache<Made>();
    for (const text of ['1', '2', '1']) await run(vertex('a', { text }), cache);
    const { events } = await run(vertex('a', { text: '3' }), cache);
    expect(differences(events, 'a')).toMatchObject([{ before: '1', after: '3' }]);
  });

  test('says when the result was let go', async () => {
    const { vertex } = createWorld();
    const cache = createMemoryCache<Made>();
    await run(vertex('a'), cache);
    const { events } = await run(vertex('a'), { ...cache, lookup: () => undefined });
    expect(differences(events, 'a')).toEqual([{ kind: 'evicted' }]);
  });

  test('an input that counts by content keeps its user cached when it comes out the same', async () => {
    const { calls, vertex } = createWorld();
    const cache = createMemoryCache<Made>();
    const make = (text: string, content: string) => {
      const stage = vertex('stage', { text });
      const copy = vertex('copy', {
        inputs: [vertex('base'), { vertex: stage, by: 'content' }],
        extra: { contentOf: () => Promise.resolve([file('out', content)]) },
      });
      return vertex('after', { inputs: [copy] });
    };
    await run(make('1', 'same'), cache);
    const second = await run(make('2', 'same'), cache);
    expect(second.kinds.toSorted()).toEqual([
      'cached after',
      'cached base',
      'cached copy',
      'done stage',
      'started stage',
    ]);
    const third = await run(make('2', 'same'), {
      ...cache,
      alias: () => expect.unreachable('the alias is known'),
    });
    expect(third.kinds.every((kind) => kind.startsWith('cached'))).toBe(true);
    const fourth = await run(make('3', 'other'), cache);
    expect(differences(fourth.events, 'copy')).toMatchObject([{ part: { name: 'out' }, before: 'same' }]);
    expect(calls.get('copy')).toBe(2);
  });

  test('ignoreCache executes and stores; transient executes where it is needed and stores nothing', async () => {
    const { calls, vertex } = createWorld();
    const cache = createMemoryCache<Made>();
    const make = (ignoreCache: boolean) =>
      vertex('b', { inputs: [vertex('a', { extra: { transient: true } })], extra: { ignoreCache } });
    await run(make(false), cache);
    const { events } = await run(make(true), cache);
    expect(differences(events, 'b')).toEqual([{ kind: 'ignored-cache' }]);
    expect((await run(make(false), cache)).kinds).toEqual(['cached b']);
    expect(Object.fromEntries(calls)).toEqual({ a: 2, b: 2 });
  });

  test('independent vertices work at once, at most `parallelism` of them', async () => {
    const { vertex } = createWorld();
    const gauge = createGauge();
    const leaves = ['a', 'b', 'c', 'd', 'e'].map((id) => vertex(id, { run: gauge.body }));
    await run(vertex('target', { inputs: leaves }), createMemoryCache(), { parallelism: 3 });
    expect(gauge.most).toBe(3);
  });

  test('stages made anew work at once, whatever the cache had of them', async () => {
    const { vertex } = createWorld();
    const gauge = createGauge();
    const make = (): Vertex<Made> => {
      const extra = { ignoreCache: true };
      const contentOf = () => Promise.resolve([file('out', 'x')]);
      let below = vertex('base');
      for (const id of ['a', 'b', 'c']) {
        const stage = vertex(id, { run: gauge.body, extra });
        const inputs = [
          { vertex: below, by: 'key' as const },
          { vertex: stage, by: 'content' as const },
        ];
        below = vertex(`copy ${id}`, { inputs, extra: { ...extra, contentOf } });
      }
      return below;
    };
    const cache: SolverCache<Made> = { ...createMemoryCache<Made>(), wasEvicted: () => true, sparse: true };
    await run(make(), cache);
    expect(gauge.most).toBe(3);
  });

  test('one failure cancels the others, and the error is that failure', async () => {
    const { calls, vertex } = createWorld();
    const cache = createMemoryCache<Made>();
    const slow = vertex('slow', {
      run: (signal) =>
        new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('stopped')))),
    });
    const bad = vertex('bad', { run: () => Promise.reject(new Error('no')) });
    const target = vertex('target', { inputs: [slow, bad] });
    const events: SolveEvent<Made>[] = [];
    const solving = solve([target], { cache, emit: (event) => void events.push(event), parallelism: 4 });
    await expect(solving).rejects.toThrow('no');
    expect(events.map((event) => `${event.kind} ${event.vertex.id}`)).toEqual([
      'started slow',
      'started bad',
      'failed bad',
      'cancelled slow',
    ]);
    expect(calls.has('target')).toBe(false);
    const again = await run(vertex('slow'), cache);
    expect(again.kinds).toContain('started slow');
  });

  test('a failing source or content is a failure of the run', async () => {
    const { vertex } = createWorld();
    const failing = vertex('a', { extra: { sources: () => Promise.reject(new Error('gone')) } });
    await expect(run(failing, createMemoryCache())).rejects.toThrow('gone');
  });

  test('the caller cancels', async () => {
    const { vertex } = createWorld();
    const controller = new AbortController();
    const target = vertex('a', {
      run: (signal) => {
        setTimeout(() => controller.abort(new Error('enough')), 1);
        return new Promise((_, reject) =>
          signal.addEventListener('abort', () => reject(signal.reason as Error)),
        );
      },
    });
    await expect(run(target, createMemoryCache(), { signal: controller.signal })).rejects.toThrow('enough');
    await expect(run(target, createMemoryCache(), { signal: controller.signal })).rejects.toThrow('enough');
  });

  test('refuses a cycle', async () => {
    const { vertex } = createWorld();
    const inputs: Vertex<Made>[] = [];
    const a = vertex('a');
    const loop: Vertex<Made> = { ...a, inputs: [] };
    inputs.push(vertex('b', { inputs: [loop] }));
    Object.assign(loop, { inputs: inputs.map((input) => ({ vertex: input, by: 'key' })) });
    const error: unknown = await run(loop, createMemoryCache()).catch((reason: unknown) => reason);
    expect(solverErrors.cycle.is(error)).toBe(true);
  });

  test('a chain longer than the call stack is deep, and other work has its turns', async () => {
    const { vertex, calls } = createWorld();
    let end = vertex('v0');
    for (let index = 1; index < 100_000; index += 1) end = vertex(`v${index}`, { inputs: [end] });
    const cache = createMemoryCache<Made>();
    let turns = 0;
    const ticking = setInterval(() => (turns += 1), 1);
    await solve([end], {
      cache: { ...cache, remember: () => undefined },
      emit: () => undefined,
    });
    clearInterval(ticking);
    expect(calls.size).toBe(100_000);
    expect(turns).toBeGreaterThan(3);
  });

  test('any graph: each needed vertex once, inputs first, and all cached afterwards', async () => {
    const graph = fc.array(fc.array(fc.nat(), { maxLength: 3 }), { minLength: 1, maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(graph, fc.integer({ min: 1, max: 4 }), async (edges, parallelism) => {
        const { calls, vertex } = createWorld();
        const make = () => {
          const made: Vertex<Made>[] = [];
          for (const [index, wanted] of edges.entries()) {
            const inputs = index === 0 ? [] : [...new Set(wanted.map((n) => n % index))].map((n) => made[n]!);
            made.push(vertex(`v${index}`, { inputs }));
          }
          return made.at(-1)!;
        };
        const cache = createMemoryCache<Made>();
        const first = await run(make(), cache, { parallelism });
        const done: string[] = [];
        for (const event of first.events) {
          if (event.kind === 'started') {
            for (const input of event.vertex.inputs) expect(done).toContain(input.vertex.id);
          }
          if (event.kind === 'done') done.push(event.vertex.id);
        }
        expect([...calls.values()].every((count) => count === 1)).toBe(true);
        const second = await run(make(), cache, { parallelism });
        expect(second.events.every((event) => event.kind === 'cached')).toBe(true);
        expect(second.value).toBe(first.value);
      }),
      { numRuns: 60 },
    );
  });

  test('what only cached vertices need is neither carried out nor brought', async () => {
    const { calls, vertex } = createWorld();
    const cache = createMemoryCache<Made>();
    const make = () => {
      const stage = vertex('stage', { inputs: [vertex('deep')] });
      const extra = { contentOf: () => Promise.resolve([file('out', 'x')]) };
      return vertex('copy', { inputs: [{ vertex: stage, by: 'content' }], extra });
    };
    const first = await run(make(), cache);
    const gone = new Set(
      first.events.flatMap((event) =>
        event.kind === 'done' && event.vertex.id !== 'copy' ? [event.keys?.key] : [],
      ),
    );
    const lost: SolverCache<Made> = {
      ...cache,
      lookup: (key) => (gone.has(key) ? undefined : cache.lookup(key)),
      wasEvicted: (key) => gone.has(key),
    };
    const second = await run(make(), lost);
    expect(second.kinds).toEqual(['cached copy', 'unneeded deep', 'unneeded stage']);
    expect(Object.fromEntries(calls)).toEqual({ deep: 1, stage: 1, copy: 1 });
    const third = await run(vertex('user', { inputs: [make().inputs[0]?.vertex ?? vertex('none')] }), lost);
    expect(differences(third.events, 'stage')).toEqual([{ kind: 'evicted' }]);
    expect(differences(third.events, 'deep')).toEqual([{ kind: 'evicted' }]);
  });

  test('a result that does not stand on what its input is now does not count', async () => {
    const { calls, vertex } = createWorld();
    const cache = createMemoryCache<Made>();
    const make = () => vertex('top', { inputs: [{ vertex: vertex('below'), by: 'key', part: true }] });
    await run(make(), cache);
    const options = { cache, emit: () => undefined };
    await solve([make()], { ...options, contains: (result, part) => result.value.includes(part.value) });
    expect(Object.fromEntries(calls)).toEqual({ below: 1, top: 1 });
    await solve([make()], { ...options, contains: () => false });
    expect(Object.fromEntries(calls)).toEqual({ below: 1, top: 2 });
  });

  test('what stands on a vertex that is built anew is built anew too', async () => {
    const { vertex } = createWorld();
    const cache = createMemoryCache<Made>();
    const make = (ignoreCache: boolean, content: string) => {
      const stage = vertex('stage', { extra: { ignoreCache } });
      const extra = { contentOf: () => Promise.resolve([file('out', content)]) };
      const copy = vertex('copy', { inputs: [{ vertex: stage, by: 'content' }], extra });
      return vertex('end', { inputs: [vertex('user', { inputs: [stage] }), copy] });
    };
    await run(make(false, 'x'), cache);
    const second = await run(make(true, 'x'), cache);
    expect(second.kinds).toContain('cached copy');
    expect(differences(second.events, 'user')).toEqual([{ kind: 'input-changed', step: 'stage' }]);
    const third = await run(make(true, 'y'), cache);
    expect(differences(third.events, 'copy')).toMatchObject([
      { part: { name: 'out' }, before: 'x', after: 'y' },
    ]);
  });

  test('a hit whose content cannot be brought here is carried out', async () => {
    const { calls, vertex } = createWorld();
    const cache = createMemoryCache<Made>();
    await run(vertex('a'), cache);
    const far = (obtain: () => Promise<Made>): SolverCache<Made> => ({
      ...cache,
      sparse: true,
      lookup: async (key) => {
        const hit = await cache.lookup(key);
        return hit === undefined ? undefined : { ...hit, obtain };
      },
    });
    const brought = await run(
      vertex('a'),
      far(() => Promise.resolve({ value: 'brought' })),
    );
    expect(brought).toMatchObject({ value: 'brought', kinds: ['cached a'] });
    const lost = await run(
      vertex('a'),
      far(() => Promise.reject(new Error('gone'))),
    );
    expect(lost.kinds).toEqual(['started a', 'done a']);
    expect(differences(lost.events, 'a')).toEqual([{ kind: 'evicted' }]);
    expect(calls.get('a')).toBe(2);
  });

  test('two solves do not carry out the same; the end of one does not end the other', async () => {
    const { calls, vertex } = createWorld();
    const cache = createMemoryCache<Made>();
    const flights = createFlights();
    const { promise: finished, resolve: finish } = Promise.withResolvers<void>();
    const first = new AbortController();
    const make = () =>
      vertex('slow', {
        run: (signal) =>
          new Promise((resolve, reject) => {
            signal.addEventListener('abort', () => reject(new Error('stopped')));
            void finished.then(resolve);
          }),
      });
    const kinds: string[][] = [[], [], []];
    const begin = (index: number, signal?: AbortSignal) =>
      solve([make()], { cache, flights, signal, emit: ({ kind }) => void kinds[index]?.push(kind) });
    const one = begin(0, first.signal);
    const others = [begin(1), begin(2)];
    await expect.poll(() => calls.get('slow')).toBe(1);
    first.abort(new Error('enough'));
    await expect(one).rejects.toThrow('enough');
    await expect.poll(() => calls.get('slow')).toBe(2);
    finish();
    await Promise.all(others);
    expect(calls.get('slow')).toBe(2);
    expect(kinds.map((each) => each.join(' ')).toSorted()).toEqual([
      'cached',
      'started cancelled',
      'started done',
    ]);
  });

  test('a solve does not take what another one carried out on something else', async () => {
    const { calls, vertex } = createWorld();
    const cache = createMemoryCache<Made>();
    const known = createFlights();
    let waiting = 0;
    const underway = (key: string): Promise<void> | undefined => {
      const other = known.underway(key);
      if (other !== undefined) waiting += 1;
      return other;
    };
    const flights = { begin: (key: string) => known.begin(key), underway };
    const { promise: finished, resolve: finish } = Promise.withResolvers<void>();
    const make = (value: string) => {
      const below = vertex('below', {
        extra: { transient: true, execute: () => Promise.resolve({ value }) },
      });
      return vertex('top', { inputs: [{ vertex: below, by: 'key', part: true }], run: () => finished });
    };
    const contains = (result: Made, part: Made): boolean => result.value.includes(part.value);
    const solves = ['one', 'other'].map((value) =>
      solve([make(value)], { cache, flights, contains, emit: () => undefined }),
    );
    await expect.poll(() => waiting).toBe(1);
    finish();
    expect((await Promise.all(solves)).flat()).toEqual([{ value: 'top(one)' }, { value: 'top(other)' }]);
    expect(calls.get('top')).toBe(2);
  });

  test('two solves carry out apart what depends on something that is in no key', async () => {
    const { calls, vertex } = createWorld();
    const cache = createMemoryCache<Made>();
    const flights = createFlights();
    const { promise: finished, resolve: finish } = Promise.withResolvers<void>();
    const make = (unkeyed: string) => {
      const secret = { ...vertex('secret', { run: () => finished }), unkeyed };
      const above = vertex('above', { inputs: [secret], run: () => finished });
      return [above, vertex('plain', { run: () => finished })];
    };
    const others = ['one', 'one', 'other'].map((unkeyed) =>
      solve(make(unkeyed), { cache, flights, emit: () => undefined }),
    );
    await expect.poll(() => [calls.get('secret'), calls.get('plain')]).toEqual([2, 1]);
    finish();
    await Promise.all(others);
    expect(Object.fromEntries(calls)).toEqual({ secret: 2, above: 2, plain: 1 });
  });

  test('says that the input is another step', async () => {
    const { vertex } = createWorld();
    const cache = createMemoryCache<Made>();
    await run(vertex('c', { inputs: [vertex('a')] }), cache);
    const { events } = await run(vertex('c', { inputs: [vertex('b', { inputs: [vertex('a')] })] }), cache);
    expect(differences(events, 'c')).toEqual([{ kind: 'input-replaced', before: 'a', after: 'b' }]);
  });
});
