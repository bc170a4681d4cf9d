import { randomBytes } from 'node:crypto';
import { sha256Of } from '#oci';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { mirror, type UpstreamSettings } from '#upstreams';
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

describe('a blob that finds no room on the disk', () => {
  /** Sends the beginning of the blob, and tells when the connection is let go of. */
  const begin = (): Promise<void> => {
    const closed = Promise.withResolvers<void>();
    upstream.script = ({ method, url = '' }, response) => {
      if (method !== 'GET' || !url.includes('/blobs/')) return false;
      response.writeHead(200, { 'content-length': 100_000 });
      response.on('close', () => closed.resolve());
      response.write(Buffer.alloc(10));
      return true;
    };
    return closed.promise;
  };
  const fill = ({ storage }: WireRegistry): void =>
    void Object.assign(storage.blobs, {
      createUpload: async () => {
        throw Object.assign(new Error('no space left'), { code: 'ENOSPC' });
      },
    });

  test('keeps no connection to the upstream', async () => {
    const registry = await start();
    fill(registry);
    const closed = begin();
    const answer = await registry.call('GET', `/v2/up.example/one/blobs/${sha256Of(Buffer.from('x'))}`);
    expect(answer.status).toBeGreaterThanOrEqual(500);
    await closed;
  });

  test('keeps no connection to the source of a mirror, which goes on', async () => {
    for (const tag of ['v1', 'v2']) upstream.image('team/app', tag, Buffer.from('layer'));
    const registry = await start();
    fill(registry);
    const closed = begin();
    const send = upstream.script;
    upstream.script = async (request, response) => {
      if (request.url?.endsWith('/manifests/v2') === true) await closed;
      return (await send?.(request, response)) === true;
    };
    const signal = AbortSignal.timeout(15_000);
    const request = { source: `${upstream.url}/team/app`, allow: ['127.0.0.0/8'] };
    await mirror(registry.storage, request, { cause: { actor: 'test' }, signal, emit: () => undefined });
    expect(signal.aborted).toBe(false);
  });
});
