import { appendFileSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createHistory } from '#history';
import { openTestShop, type TestShop } from './testing.ts';
import type { BuildRequest, LogEntry } from './types.ts';

let shop: TestShop;
beforeAll(async () => {
  shop = await openTestShop();
});
afterAll(() => shop[Symbol.asyncDispose]());

const project = (name: string, dockerfile: string): BuildRequest => ({
  context: { kind: 'directory', path: shop.newContext({ Dockerfile: dockerfile }) },
  tags: [`${name}:1`],
});

const collect = async (entries: AsyncIterable<LogEntry>): Promise<readonly LogEntry[]> => {
  const all: LogEntry[] = [];
  for await (const entry of entries) all.push(entry);
  return all;
};

const outputOf = (entries: readonly LogEntry[]): string =>
  entries
    .map((entry) =>
      entry.kind === 'event' && entry.event.kind === 'step-log'
        ? Buffer.from(entry.event.data).toString('utf8')
        : '',
    )
    .join('');

describe('history', () => {
  test('records what was built, each step, and every byte of its output', async () => {
    const lines = 3000;
    const request = project(
      'said',
      `FROM busybox AS one\nARG A=1\nRUN i=0; while [ $i -lt ${lines} ]; do echo "line $i of a long output"; i=$((i+1)); done; echo x > /x\n`,
    );
    const built = await shop.builder.build({ ...request, target: 'one' }, () => undefined);
    const found = await shop.builder.history.inspect(built.buildId);
    expect(found).toMatchObject({
      id: built.buildId,
      status: 'done',
      imageId: built.imageId,
      dockerfile: 'Dockerfile',
      target: 'one',
      tags: ['said:1'],
      counts: built.steps,
    });
    expect(found.steps.map(({ state, kind }) => [state, kind])).toEqual([
      ['done', 'source'],
      ['done', 'metadata'],
      ['done', 'filesystem'],
    ]);
    expect(found.steps[2]?.layerSize).toBeGreaterThan(0);
    expect(found.steps[2]?.reasons).toEqual([{ kind: 'first-build' }]);
    const entries = await collect(shop.builder.history.logs(built.buildId.slice(0, 6)));
    expect(outputOf(entries).trim().split('\n')).toHaveLength(lines);
    expect(entries.at(-1)).toMatchObject({ kind: 'result', result: { imageId: built.imageId } });
    const again = await shop.builder.build(request, () => undefined);
    expect((await shop.builder.history.inspect('^0')).id).toBe(again.buildId);
    expect((await shop.builder.history.inspect('^0')).steps.map(({ state }) => state)).toEqual([
      'done',
      'done',
      'cached',
    ]);
  });

  test('a log is followed while the build runs, and failures and aborts are told apart', async () => {
    const request = project('slow', 'FROM busybox\nRUN echo begun; sleep 60\nRUN echo never\n');
    const controller = new AbortController();
    let id = '';
    const building = shop.builder.build({ ...request, signal: controller.signal }, (event) => {
      if (event.kind === 'build-started') id = event.id;
      if (event.kind === 'step-log') controller.abort();
    });
    await expect.poll(() => id).not.toBe('');
    expect(shop.builder.history.list()[0]).toMatchObject({ id, status: 'running' });
    const followed = collect(shop.builder.history.logs(id, { follow: true }));
    await expect(building).rejects.toThrow();
    const entries = await followed;
    expect(outputOf(entries)).toContain('begun');
    expect(entries.at(-1)?.kind).toBe('error');
    expect((await shop.builder.history.inspect(id)).status).toBe('cancelled');

    const broken = project('broken', 'FROM busybox\nRUN echo why; exit 3\n');
    await expect(shop.builder.build(broken, () => undefined)).rejects.toThrow();
    const failed = await shop.builder.history.inspect('^0');
    expect(failed).toMatchObject({ status: 'failed', failure: { code: 'STEPS_RUN_FAILED' } });
    expect(failed.steps.at(-1)).toMatchObject({ state: 'failed' });
    expect(outputOf(await collect(shop.builder.history.logs('^0')))).toBe('why\n');
  });

  test('what a killed process left is marked as interrupted, its log whole up to a cut line', async () => {
    const { root } = shop;
    const options = { root: root.path, database: root.database, limits: () => ({ count: 100, ageMs: 1e12 }) };
    const killed = createHistory(options);
    const recorder = killed.begin({ context: '/x', dockerfile: 'Dockerfile', platforms: [], tags: [] });
    const range = { start: { line: 1, column: 1 }, end: { line: 1, column: 2 } } as never;
    const step = {
      id: 's',
      name: 'RUN x',
      stage: '0',
      index: 1,
      total: 2,
      range,
      kind: 'filesystem',
    } as const;
    recorder.event({ kind: 'step-started', step, reasons: [{ kind: 'first-build' }] });
    recorder.event({ kind: 'step-log', step, stream: 'stdout', data: Buffer.from('last words\n') });
    await new Promise((resolve) => setImmediate(resolve));
    appendFileSync(join(root.path, 'build-logs', `${recorder.id}.jsonl`), '{"at":1,"kind":"ev');
    const next = createHistory(options);
    await next.recover();
    const found = await next.inspect(recorder.id);
    expect(found).toMatchObject({ status: 'interrupted', context: '/x' });
    expect(found.steps).toMatchObject([{ state: 'unfinished', reasons: [{ kind: 'first-build' }] }]);
    expect(outputOf(await collect(next.logs(recorder.id)))).toBe('last words\n');
  });

  test('an end that only the log knows is taken from there', async () => {
    const { root } = shop;
    const options = { root: root.path, database: root.database, limits: () => ({ count: 100, ageMs: 1e12 }) };
    const deaf = { ...root.database, write: () => Promise.reject(new Error('closed')) };
    const closed = createHistory({ ...options, database: deaf });
    const recorder = closed.begin({ context: '/z', dockerfile: 'Dockerfile', platforms: [], tags: [] });
    recorder.failed(new Error('the daemon ends'), false);
    const next = createHistory(options);
    await next.recover();
    expect(await next.inspect(recorder.id)).toMatchObject({
      status: 'failed',
      failure: { message: 'the daemon ends' },
    });
    await next.remove(recorder.id);
  });

  test('the oldest builds and their logs are forgotten beyond the limit', async () => {
    const { root } = shop;
    let count = 100;
    const history = createHistory({
      root: root.path,
      database: root.database,
      limits: () => ({ count, ageMs: 1e12 }),
    });
    count = 2;
    const one = history.begin({ context: '/y', dockerfile: 'Dockerfile', platforms: [], tags: [] });
    one.failed(new Error('no'), false);
    await expect.poll(() => history.list().length).toBe(2);
    await expect.poll(() => readdirSync(join(root.path, 'build-logs')).length).toBe(2);
    expect(history.list()[0]?.id).toBe(one.id);
    expect(await history.remove(one.id)).toBe(one.id);
    expect(history.list()).toHaveLength(1);
    await expect(history.inspect(one.id)).rejects.toThrow(/there is no build/);
    expect(readFileSync(join(root.path, 'build-logs', `${history.list()[0]?.id}.jsonl`), 'utf8')).toContain(
      'header',
    );
  });
});
