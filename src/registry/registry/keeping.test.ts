import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { PlannedItem } from '#keeping';
import { digestBy, startWireRegistry, type WireRegistry } from './testing.ts';

const OCI_IMAGE = 'application/vnd.oci.image.manifest.v1+json';
const OCI_INDEX = 'application/vnd.oci.image.index.v1+json';
const HOUR_MS = 3_600_000;
const cause = { actor: 'system:gc' };

let wire: WireRegistry;
let nowMs = 0;
beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['Date'] });
  nowMs = Date.now();
  wire = await startWireRegistry({
    keeping: {
      uploadWindowMs: HOUR_MS,
      undoForMs: 24 * HOUR_MS,
      uploadIdleMs: HOUR_MS,
      rules: [
        {
          repositories: ['ruled/**'],
          tags: [{ tags: ['pr-*'], lastPushed: 1 }],
          untagged: { releasedWithinMs: HOUR_MS },
        },
      ],
    },
  });
});
afterEach(async () => {
  await wire[Symbol.asyncDispose]();
  vi.useRealTimers();
});

const advance = (ms: number): void => {
  nowMs += ms;
  vi.setSystemTime(nowMs);
};

const put = async (repository: string, reference: string, body: string, mediaType = OCI_IMAGE) => {
  const answer = await wire.call('PUT', `/v2/${repository}/manifests/${reference}`, {
    body,
    headers: { 'content-type': mediaType },
  });
  expect(answer.status).toBe(201);
  return String(answer.headers['docker-content-digest']);
};

const imageBody = (content: string, more: object = {}): string =>
  JSON.stringify({
    schemaVersion: 2,
    mediaType: OCI_IMAGE,
    config: { mediaType: 'application/x', digest: digestBy('sha256', content), size: content.length },
    layers: [],
    ...more,
  });

const pushImage = async (repository: string, tag: string, content: string): Promise<string> => {
  await wire.blob(repository, content);
  return put(repository, tag, imageBody(content));
};

const status = async (path: string): Promise<number> => (await wire.call('GET', `/v2/${path}`)).status;
const blobPath = (repository: string, content: string): string =>
  `${repository}/blobs/${digestBy('sha256', content)}`;

const tagsOf = async (repository: string): Promise<unknown> =>
  ((await wire.call('GET', `/v2/${repository}/tags/list`)).json as { tags?: unknown }).tags;

const listPlan = async () => {
  const items: PlannedItem[] = [];
  const plan = await wire.registry.keeping.plan({ onItem: (item) => void items.push(item) });
  return { plan, items };
};

const nameOf = (item: {
  kind: string;
  repository: string;
  tag?: string | undefined;
  digest: string;
}): string => `${item.kind} ${item.repository} ${item.tag ?? ''} ${item.digest}`;

test('a plan lists exactly what a run removes, and an undo brings exactly that back', async () => {
  await pushImage('ruled/app', 'pr-1', 'one');
  advance(1000);
  await pushImage('ruled/app', 'pr-2', 'two');
  await pushImage('ruled/app', 'v1', 'three');
  await wire.blob('free', 'left over');
  await pushImage('free', 'v1', 'one');
  advance(2 * HOUR_MS);
  const before = await tagsOf('ruled/app');
  const { plan, items } = await listPlan();
  expect(items.map(({ kind, repository }) => `${kind} ${repository}`)).toEqual([
    'blob free',
    'tag ruled/app',
    'manifest ruled/app',
    'blob ruled/app',
  ]);
  expect(plan.totals).toMatchObject({ tags: 1, manifests: 1, blobs: 2, freed: 'left over'.length });
  expect((await listPlan()).plan.id).toBe(plan.id);

  const { keeping } = wire.registry;
  const ran = await keeping.run({ cause, plan: plan.id });
  expect(ran).toMatchObject({ tags: 1, manifests: 1, blobs: 2, bytes: plan.totals.bytes, spared: 0 });
  const removal = ran.removal ?? '';
  const removed = keeping.removedItems(removal, { limit: 100, offset: 0 });
  expect(removed.map(nameOf).toSorted()).toEqual(items.map(nameOf).toSorted());
  expect(await tagsOf('ruled/app')).toEqual(['pr-2', 'v1']);
  expect(await status(blobPath('ruled/app', 'one'))).toBe(404);
  expect(await status(blobPath('free', 'left over'))).toBe(404);
  expect(await status(blobPath('free', 'one'))).toBe(200);
  expect(await keeping.held()).toEqual({ blobs: 1, bytes: 'left over'.length });

  advance(12 * HOUR_MS);
  expect(await keeping.purge()).toEqual({ removals: 0, blobs: 0, bytes: 0 });
  const undone = await keeping.undo(removal, cause);
  expect(undone).toEqual({ manifests: 1, tags: 1, links: 2, left: [] });
  expect(await tagsOf('ruled/app')).toEqual(before);
  expect(await status('ruled/app/manifests/pr-1')).toBe(200);
  expect(await status(blobPath('ruled/app', 'one'))).toBe(200);
  expect(await status(blobPath('free', 'left over'))).toBe(200);
  expect((await listPlan()).items).toEqual([]);
  const moves = wire.storage.metadata.tagHistory.entries({ repository: 'ruled/app', tag: 'pr-1', limit: 9 });
  expect(moves.map(({ reason, actor }) => [reason, actor])).toEqual([
    ['push', 'anonymous'],
    ['retention', 'system:gc'],
    ['restore', 'system:gc'],
  ]);
});

test('what clients delete is gone at once and can be undone, tags that moved on stay', async () => {
  const first = await pushImage('a', 'v1', 'one');
  await put('a', 'other', imageBody('one'));
  await wire.call('DELETE', `/v2/a/manifests/${first}`);
  expect(await status(`a/manifests/${first}`)).toBe(404);
  const second = await pushImage('a', 'v1', 'two');
  advance(2 * HOUR_MS);
  await wire.registry.keeping.run({ cause });
  expect(await status(blobPath('a', 'one'))).toBe(404);
  const removal = wire.registry.keeping
    .removals({ limit: 10, clientDeletes: true })
    .find(({ kind }) => kind === 'delete');
  const undone = await wire.registry.keeping.undo(removal?.id ?? '', cause);
  expect(undone).toMatchObject({ manifests: 1, tags: 1, left: [{ tag: 'v1', digest: first }] });
  const head = await wire.call('HEAD', '/v2/a/manifests/v1');
  expect(head.headers['docker-content-digest']).toBe(second);
  expect(await status('a/manifests/other')).toBe(200);
  expect(await status(blobPath('a', 'one'))).toBe(200);
});

test('after the time for undo is over, the bytes go', async () => {
  await pushImage('a', 'v1', 'one');
  await wire.call('DELETE', `/v2/a/manifests/${digestBy('sha256', imageBody('one'))}`);
  advance(2 * HOUR_MS);
  const { removal = '' } = await wire.registry.keeping.run({ cause });
  advance(25 * HOUR_MS);
  expect(await wire.registry.keeping.purge()).toMatchObject({ removals: 2, blobs: 1, bytes: 3 });
  expect(await wire.storage.blobs.stat(digestBy('sha256', 'one'))).toBeUndefined();
  await expect(wire.registry.keeping.undo(removal, cause)).rejects.toMatchObject({
    code: 'METADATA_REMOVAL_GONE',
  });
  await pushImage('a', 'v1', 'one');
  expect(await status(blobPath('a', 'one'))).toBe(200);
});

test('a run by a plan refuses when more would go than it listed', async () => {
  await wire.blob('a', 'one');
  advance(2 * HOUR_MS);
  const { plan } = await listPlan();
  await wire.blob('a', 'two');
  await wire.blob('a', 'three');
  advance(2 * HOUR_MS);
  const { keeping } = wire.registry;
  await expect(keeping.run({ cause, plan: plan.id })).rejects.toMatchObject({
    code: 'KEEPING_PLAN_OUTDATED',
  });
  expect(await status(blobPath('a', 'one'))).toBe(200);
  await put('a', 'v1', imageBody('two'));
  await put('a', 'v2', imageBody('three'));
  expect(await keeping.run({ cause, plan: plan.id })).toMatchObject({ blobs: 1 });
  await expect(keeping.run({ cause, plan: 'none' })).rejects.toMatchObject({ code: 'KEEPING_PLAN_UNKNOWN' });
});

test('blobs that a HEAD, a mount or an upload promised stay for the upload window', async () => {
  await wire.blob('a', 'one');
  await wire.blob('b', 'two');
  advance(2 * HOUR_MS);
  expect((await wire.call('HEAD', `/v2/${blobPath('a', 'one')}`)).status).toBe(200);
  const two = digestBy('sha256', 'two');
  expect((await wire.call('POST', `/v2/a/blobs/uploads/?mount=${two}&from=b`)).status).toBe(201);
  await wire.blob('a', 'three');
  const { plan, items } = await listPlan();
  expect(items.map(nameOf)).toEqual([`blob b  ${two}`]);
  expect(plan.totals).toMatchObject({ protectedBlobs: 3, freed: 0 });
  await wire.registry.keeping.run({ cause });
  advance(HOUR_MS - 6 * 60_000);
  for (const content of ['one', 'two', 'three']) await put('a', content, imageBody(content));
  advance(3 * HOUR_MS);
  expect((await listPlan()).items).toEqual([]);
});

test('what was promised before a restart stays promised, after a kill everything does', async () => {
  await wire.blob('a', 'one');
  await wire.blob('a', 'two');
  advance(2 * HOUR_MS);
  await wire.call('HEAD', `/v2/${blobPath('a', 'one')}`);
  const { createKeeping } = await import('#keeping');
  const first = createKeeping(wire.storage);
  expect(await first.plan()).toMatchObject({ totals: { blobs: 0, protectedBlobs: 2 } });
  await wire.registry[Symbol.asyncDispose]();
  const second = createKeeping(wire.storage);
  expect(await second.plan()).toMatchObject({ totals: { blobs: 1, protectedBlobs: 1 } });
});

test('a removal that fails says why, also when it cannot be ended either', async () => {
  const { collection } = wire.storage.metadata;
  const { keeping } = wire.registry;
  await wire.blob('a', 'one');
  advance(2 * HOUR_MS);
  const links = vi.spyOn(collection, 'removeLinks').mockRejectedValueOnce(new Error('the disk is full'));
  const finish = vi.spyOn(collection, 'finishRemoval').mockRejectedValueOnce(new Error('no end'));
  await expect(keeping.run({ cause })).rejects.toThrow('the disk is full');
  expect(finish).toHaveBeenCalledTimes(1);
  links.mockRestore();
  finish.mockRestore();
  expect(await keeping.run({ cause })).toMatchObject({ blobs: 1 });
});

test('a push of a removed blob adopts it, a push while its file goes waits for that', async () => {
  const { keeping } = wire.registry;
  await wire.blob('a', 'one');
  advance(2 * HOUR_MS);
  await keeping.run({ cause });
  await wire.blob('b', 'one');
  await keeping.purge({ undoForMs: 0 });
  expect(await status(blobPath('b', 'one'))).toBe(200);

  await wire.blob('a', 'two');
  advance(2 * HOUR_MS);
  await keeping.run({ cause });
  const [begun, gate] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const { blobs } = wire.storage;
  const remove = vi.spyOn(blobs, 'remove').mockImplementation(async (digest) => {
    begun.resolve();
    await gate.promise;
    remove.mockRestore();
    await blobs.remove(digest);
  });
  const purging = keeping.purge({ undoForMs: 0 });
  await begun.promise;
  const pushing = wire.blob('b', 'two');
  for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  gate.resolve();
  await Promise.all([purging, pushing]);
  expect(await status(blobPath('b', 'two'))).toBe(200);
});

test('what somebody begins to need between planning and removing is spared', async () => {
  const { collection, tagHistory } = wire.storage.metadata;
  const tagged = await pushImage('ruled/app', 'v1', 'one');
  await wire.call('DELETE', '/v2/ruled/app/manifests/v1');
  await wire.blob('ruled/app', 'two');
  const listed = await put('ruled/app', digestBy('sha256', imageBody('two')), imageBody('two'));
  const alone = await put(
    'ruled/app',
    digestBy('sha256', imageBody('one', { annotations: {} })),
    imageBody('one', { annotations: {} }),
  );
  advance(3 * HOUR_MS);
  const removeUnit = collection.removeUnit.bind(collection);
  const meanwhile = async (): Promise<void> => {
    await tagHistory.restore({ repository: 'ruled/app', tag: 'v1', point: { kind: 'previous' }, cause });
    const manifests = [{ mediaType: OCI_IMAGE, digest: listed, size: imageBody('two').length }];
    const index = JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests });
    await put('ruled/app', 'all', index, OCI_INDEX);
  };
  let done: Promise<void> | undefined;
  const spy = vi.spyOn(collection, 'removeUnit').mockImplementation(async (...parameters) => {
    done ??= meanwhile();
    await done;
    return removeUnit(...parameters);
  });
  const ran = await wire.registry.keeping.run({ cause, scope: 'retention' });
  spy.mockRestore();
  expect(ran).toMatchObject({ manifests: 1, spared: 2 });
  expect(await status(`ruled/app/manifests/${tagged}`)).toBe(200);
  expect(await status(`ruled/app/manifests/${listed}`)).toBe(200);
  expect(await status(`ruled/app/manifests/${alone}`)).toBe(404);
});

test('a blob that a manifest begins to need between planning and removing stays', async () => {
  await wire.blob('a', 'one');
  const { collection } = wire.storage.metadata;
  const removeLinks = collection.removeLinks.bind(collection);
  const spy = vi.spyOn(collection, 'removeLinks').mockImplementation(async (...parameters) => {
    await put('a', 'v1', imageBody('one'));
    return removeLinks(...parameters);
  });
  expect(await wire.registry.keeping.run({ cause, uploadWindowMs: -HOUR_MS })).toMatchObject({
    blobs: 0,
    spared: 1,
    removal: undefined,
  });
  spy.mockRestore();
  expect(await status(blobPath('a', 'one'))).toBe(200);
});

test('a HEAD during a removal waits until it is known whether the blob is still there', async () => {
  await wire.blob('a', 'one');
  advance(2 * HOUR_MS);
  const { collection } = wire.storage.metadata;
  const removeLinks = collection.removeLinks.bind(collection);
  const [begun, gate] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  vi.spyOn(collection, 'removeLinks').mockImplementation(async (...parameters) => {
    begun.resolve();
    await gate.promise;
    return removeLinks(...parameters);
  });
  const running = wire.registry.keeping.run({ cause });
  await begun.promise;
  const heading = wire.call('HEAD', `/v2/${blobPath('a', 'one')}`);
  for (let turn = 0; turn < 50; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  gate.resolve();
  const [head] = await Promise.all([heading, running]);
  expect(head.status).toBe(404);
  vi.restoreAllMocks();
});
