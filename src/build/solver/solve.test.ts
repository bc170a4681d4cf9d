import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createMemoryCache, solve, solverErrors } from './index.ts';
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
      return { value: `${options.text ?? id}(${inputs.map((input) => input.value).join(',')})` };
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

  test('ignoreCache executes and stores; transient executes always and stores nothing', async () => {
    const { calls, vertex } = createWorld();
    const cache = createMemoryCache<Made>();
    const make = (ignoreCache: boolean) =>
      vertex('b', { inputs: [vertex('a', { extra: { transient: true } })], extra: { ignoreCache } });
    await run(make(false), cache);
    const { events } = await run(make(true), cache);
    expect(differences(events, 'b')).toEqual([{ kind: 'ignored-cache' }]);
    expect((await run(make(false), cache)).kinds).toEqual(['started a', 'done a', 'cached b']);
    expect(Object.fromEntries(calls)).toEqual({ a: 3, b: 2 });
  });

  test('independent vertices work at once, at most `parallelism` of them', async () => {
    const { vertex } = createWorld();
    let working = 0;
    let most = 0;
    const body = async () => {
      working += 1;
      most = Math.max(most, working);
      await new Promise((resolve) => setTimeout(resolve, 5));
      working -= 1;
    };
    const leaves = ['a', 'b', 'c', 'd', 'e'].map((id) => vertex(id, { run: body }));
    await run(vertex('target', { inputs: leaves }), createMemoryCache(), { parallelism: 3 });
    expect(most).toBe(3);
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

  test('a chain longer than the call stack is deep', async () => {
    const { vertex } = createWorld();
    let end = vertex('v0');
    for (let index = 1; index < 20_000; index += 1) end = vertex(`v${index}`, { inputs: [end] });
    const { events } = await run(end, createMemoryCache());
    expect(events.filter((event) => event.kind === 'done')).toHaveLength(20_000);
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
});
