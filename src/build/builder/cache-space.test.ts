import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openTestShop, type TestShop } from './testing.ts';
import type { BuildRequest } from './types.ts';

let shop: TestShop;
beforeAll(async () => {
  shop = await openTestShop();
});
afterAll(() => shop[Symbol.asyncDispose]());

const project = (name: string, dockerfile: string): BuildRequest => ({
  context: { kind: 'directory', path: shop.newContext({ Dockerfile: dockerfile, f: name.repeat(5000) }) },
});

const executed = async (request: BuildRequest): Promise<readonly string[]> => {
  const names: string[] = [];
  await shop.builder.build(request, (event) => {
    if (event.kind === 'step-started' && event.step.kind === 'filesystem') names.push(event.step.name);
  });
  return names;
};

const layerSum = async (): Promise<number> => {
  const named = new Set(
    shop.library.usage().images.flatMap(({ id }) => shop.library.config(id).rootfs.diffIds),
  );
  return shop.layers
    .list()
    .filter(({ diffId }) => !named.has(diffId))
    .reduce((sum, { size }) => sum + size, 0);
};

test('records are listed with what they take, and the sums are those of the disk', async () => {
  const request = project(
    'a',
    'FROM busybox AS x\nCOPY f /f\nFROM busybox\nRUN --mount=type=cache,id=c,target=/c head -c 9000 /dev/zero > /c/z\nCOPY --from=x /f /g\n',
  );
  await executed(request);
  const records = await shop.builder.records();
  const steps = records.filter(({ kind }) => kind === 'step');
  expect(steps.map(({ description }) => description).toSorted()).toEqual([
    'COPY --from=x /f /g',
    'COPY f /f',
    'RUN --mount=type=cache,id=c,target=/c head -c 9000 /dev/zero > /c/z',
  ]);
  expect(steps.map(({ shared, inUse }) => [shared, inUse]).filter(([, inUse]) => inUse)).toEqual([]);
  const unshared = steps.reduce((sum, { bytes, shared }) => sum + (shared ? 0 : bytes), 0);
  expect(unshared).toBe(await layerSum());
  expect(unshared).toBeGreaterThan(5000);
  expect(records.filter(({ kind }) => kind === 'cache-mount')).toMatchObject([{ description: 'cache c' }]);
  expect(records.filter(({ kind }) => kind === 'log')).toHaveLength(1);
  const mount = records.find(({ kind }) => kind === 'cache-mount')?.bytes ?? 0;
  expect(await shop.builder.usage()).toEqual({ records: 4, bytes: unshared + mount });
});

test('prune keeps what images have unless all is asked for, and what is filtered out', async () => {
  const request = project(
    'b',
    'FROM busybox AS x\nCOPY f /other\nFROM busybox\nCOPY f /f\nRUN echo b > /b\n',
  );
  await executed(request);
  const pruned = await shop.builder.prune({ all: false, filter: { kinds: ['step'] } });
  expect(pruned.records).toBeGreaterThan(0);
  expect(await executed(request)).toEqual([]);
  const dry = await shop.builder.prune({ filter: { descriptions: ['nothing like this'] } });
  expect(dry).toEqual({ records: 0, bytes: 0, ids: [] });
  const [one] = await shop.builder.records({ descriptions: ['COPY f /f'], kinds: ['step'] });
  const gone = await shop.builder.prune({ filter: { ids: [one?.id ?? 'x'] } });
  // What stands on it goes along.
  expect(gone.records).toBe(2);
  expect(await executed(request)).toEqual(['COPY f /f', 'RUN echo b > /b']);
});

test('limits: the least recently used goes first, and no more than needed', async () => {
  await shop.builder.prune();
  for (const name of ['l1', 'l2', 'l3']) await executed(project(name, `FROM busybox\nCOPY f /${name}\n`));
  await shop.library.prune({ purge: true });
  const before = await shop.builder.records({ kinds: ['step'] });
  expect(before).toHaveLength(3);
  const sum = before.reduce((total, { bytes }) => total + bytes, 0);
  expect((await shop.builder.prune({ reservedBytes: sum })).records).toBe(0);
  expect((await shop.builder.prune({ maxUsedBytes: sum - 1 })).ids).toEqual([before[0]?.id]);
  expect((await shop.builder.prune({ minFreeBytes: 1 })).records).toBe(0);
  expect(
    (await shop.builder.prune({ minFreeBytes: Number.MAX_SAFE_INTEGER, reservedBytes: 1 })).records,
  ).toBe(2);
});

test('a prune beside a build leaves what it uses, and the build does not wait or fail', async () => {
  const wait = 'echo begun; while [ ! -e /c/go ]; do sleep 0.05; done';
  const request = project(
    'slow',
    `FROM busybox\nCOPY f /slow\nRUN --mount=type=cache,id=gate,target=/c ${wait}\nRUN cat /slow > /copy\n`,
  );
  const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
  const building = shop.builder.build(request, (event) => {
    if (event.kind === 'step-log') begin();
  });
  await begun;
  expect((await shop.builder.records({ inUse: true })).map(({ kind }) => kind).toSorted()).toEqual([
    'cache-mount',
    'log',
    'step',
  ]);
  await shop.builder.prune();
  const [gate] = await shop.builder.records({ kinds: ['cache-mount'] });
  expect(gate).toMatchObject({ description: 'cache gate', inUse: true });
  await writeFile(join(shop.root.path, 'build-cache', gate?.id ?? '', 'go'), '');
  await building;
  expect(await executed(request)).toEqual([]);
}, 60_000);

test('a step that was pruned says so when it misses', async () => {
  const request = project('gone', 'FROM busybox\nCOPY f /gone\n');
  await executed(request);
  await shop.builder.prune();
  const reasons: string[] = [];
  await shop.builder.build(request, (event) => {
    if (event.kind === 'step-started') reasons.push(...event.reasons.map(({ kind }) => kind));
  });
  expect(reasons).toEqual(['evicted']);
});

test('a layer that a killed process held without a record is let go', async () => {
  const { diffId } = await shop.layers.writeLayer((writer) => writer.add({ path: 'orphan', kind: 'file' }));
  const holder = { kind: 'build-cache', id: 'f'.repeat(64) };
  await shop.library.holds.holdContent([{ kind: 'layer', key: diffId }], holder);
  const next = shop.reopen();
  await next.prune({ filter: { ids: ['none'] } });
  expect(shop.layers.info(diffId)).toBeUndefined();
});
