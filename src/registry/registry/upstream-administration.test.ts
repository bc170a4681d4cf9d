import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomBytes } from 'node:crypto';
import { createHttpClient, collect, startHttpServer } from '#http';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { startScriptedUpstream, type ScriptedUpstream } from './scripted-upstream.ts';
import { startWireRegistry, type WireRegistry } from './testing.ts';

const API = '/lade/v1/registry';

let stack: AsyncDisposableStack;
let upstream: ScriptedUpstream;
let registry: WireRegistry;
let folder: string;
beforeEach(async () => {
  stack = new AsyncDisposableStack();
  folder = await mkdtemp(join(tmpdir(), 'lade-admin-'));
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  upstream = stack.use(await startScriptedUpstream());
  registry = stack.use(
    await startWireRegistry({ upstreams: [{ prefix: 'up', url: upstream.url, allowPrivate: true }] }),
  );
});
afterEach(() => stack.disposeAsync());

/** Calls the administration through a unix socket: as the local administrator. */
const local = async (method: string, path: string, body?: object): Promise<readonly unknown[]> => {
  const socketPath = join(folder, 's');
  const server = await startHttpServer({
    ...registry.registry,
    listen: [{ kind: 'unix', path: socketPath }],
  });
  await using client = createHttpClient({ socketPath });
  try {
    const answer = await client.request({ method, url: `${API}${path}`, body: body && JSON.stringify(body) });
    const text = (await collect(answer.body, 1e6)).toString().trim();
    return text.split('\n').map((line) => JSON.parse(line) as unknown);
  } finally {
    await server.close(0);
  }
};

test('paths of the machine and inner addresses are for the local administrator alone', async () => {
  for (const [path, body] of [
    ['/imports', { path: folder, to: 'x' }],
    ['/backups', { path: join(folder, 'backup') }],
    ['/mirrors', { source: upstream.url, allow: ['127.0.0.0/8'] }],
  ] as const) {
    const refused = await registry.call('POST', `${API}${path}`, { body: JSON.stringify(body) });
    expect([path, refused.status, refused.json]).toEqual([
      path,
      403,
      expect.objectContaining({ code: 'ADMINISTRATION_LOCAL_ONLY' }),
    ]);
  }
  const inner = await registry.call('POST', `${API}/mirrors`, {
    body: JSON.stringify({ source: `${upstream.url}/team/app` }),
  });
  expect(inner.text).toContain('is not a public address');
  expect(upstream.requests).toEqual([]);
});

test('tells what is kept of upstreams, asks for tags again, mirrors and backs up', async () => {
  const one = upstream.image('team/app', 'v1', randomBytes(1000));
  await registry.call('GET', '/v2/up/team/app/manifests/v1');
  const [before] = await local('GET', '/upstreams');
  expect(before).toMatchObject({
    upstreams: [{ prefix: 'up', misses: 1, cached: { manifests: 1, tags: 1 } }],
  });
  const two = upstream.image('team/app', 'v1', randomBytes(1000));
  expect(await local('POST', '/upstreams/refresh', { repository: 'up/team/app' })).toEqual([
    { tag: 'v1', before: one.digest, after: two.digest },
  ]);
  const mirrored = await local('POST', '/mirrors', {
    source: `${upstream.url}/team/app`,
    to: 'copy',
    allow: ['127.0.0.0/8'],
  });
  expect(mirrored.at(-1)).toMatchObject({ kind: 'done', totals: { tags: 1, manifests: 1, blobs: 2 } });
  const backed = await local('POST', '/backups', { path: join(folder, 'backup') });
  expect(backed.at(-1)).toMatchObject({ kind: 'done', blobs: 2 });
  expect(await local('GET', '/backups/holds')).toEqual([{ holds: [] }]);
});
