import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { UpstreamSettings } from '#upstreams';
import { startScriptedUpstream, type ScriptedUpstream } from './scripted-upstream.ts';
import { startWireRegistry, type WireRegistry } from './testing.ts';

let upstream: ScriptedUpstream;
let stack: AsyncDisposableStack;
beforeEach(async () => {
  stack = new AsyncDisposableStack();
  upstream = stack.use(await startScriptedUpstream());
});
afterEach(() => stack.disposeAsync());

const start = async (settings: Partial<UpstreamSettings> = {}): Promise<WireRegistry> =>
  stack.use(
    await startWireRegistry({
      upstreams: [
        { prefix: 'up.example', url: upstream.url, allowPrivate: true, timeout: 5_000, ...settings },
      ],
    }),
  );

test('a repository that joins a fetch after its end has the blob as well', async () => {
  const bytes = randomBytes(100_000);
  const digest = upstream.blob(bytes);
  const registry = await start();
  const asked = Promise.withResolvers<boolean>();
  const fetched = Promise.withResolvers<boolean>();
  upstream.script = async ({ method, url = '' }) => {
    if (url.startsWith('/v2/one/') && method === 'GET') return asked.promise;
    if (!url.startsWith('/v2/two/') || method !== 'HEAD') return false;
    asked.resolve(false);
    return fetched.promise;
  };
  const one = registry.call('GET', `/v2/up.example/one/blobs/${digest}`);
  await expect.poll(() => upstream.count(/^GET .*\/blobs\//)).toBe(1);
  const two = registry.call('GET', `/v2/up.example/two/blobs/${digest}`);
  expect((await one).body).toEqual(bytes);
  fetched.resolve(false);
  const { status, body } = await two;
  expect([status, body.equals(bytes)]).toEqual([200, true]);
  expect(upstream.count(/^GET .*\/blobs\//)).toBe(1);
});

test('no more blobs than may be are fetched at once; others wait a little, then come back', async () => {
  const digests = ['a', 'b', 'c', 'd'].map((text) => upstream.blob(Buffer.from(text)));
  const registry = await start({ fetches: 2, timeout: 2_000 });
  const get = (digest: string | undefined) => registry.call('GET', `/v2/up.example/one/blobs/${digest}`);
  const gate = Promise.withResolvers<void>();
  upstream.script = async (request, response) => {
    const bytes = ['a', 'b'].find((_text, index) => request.url?.endsWith(digests[index] ?? '?') === true);
    if (bytes === undefined) return false;
    response.writeHead(200, { 'content-length': 1 }).flushHeaders();
    await gate.promise;
    response.end(bytes);
    return true;
  };
  const held = [get(digests[0]), get(digests[1])];
  await expect.poll(() => upstream.count(/^GET .*\/blobs\//)).toBe(2);
  const refused = await get(digests[2]);
  expect(refused).toMatchObject({ status: 503, headers: { 'retry-after': '5' } });
  expect(refused.text).toContain('as many as may be at once');
  expect(upstream.count(/^GET .*\/blobs\//)).toBe(2);
  const waiting = get(digests[3]);
  const same = get(digests[3]);
  gate.resolve();
  const answers = await Promise.all([...held, waiting, same, get(digests[2])]);
  expect(answers.map(({ text }) => text)).toEqual(['a', 'b', 'd', 'd', 'c']);
  expect(upstream.count(/^GET .*\/blobs\//)).toBe(4);
});
