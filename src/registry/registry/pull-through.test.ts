import { randomBytes } from 'node:crypto';
import type { Caller } from '#access';
import { sha256Of } from '#oci';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { startScriptedUpstream, type ScriptedUpstream } from './scripted-upstream.ts';
import { startWireRegistry, type WireRegistry } from './testing.ts';
import type { UpstreamSettings } from '#upstreams';

const MANIFEST = /^(?:GET|HEAD) .*\/manifests\//;
const BLOB = /^GET .*\/blobs\//;

let upstream: ScriptedUpstream;
let stack: AsyncDisposableStack;
beforeEach(async () => {
  stack = new AsyncDisposableStack();
  upstream = stack.use(await startScriptedUpstream());
});
afterEach(() => stack.disposeAsync());

const start = async (
  settings: Partial<UpstreamSettings> = {},
  more: Parameters<typeof startWireRegistry>[0] = {},
): Promise<WireRegistry> =>
  stack.use(
    await startWireRegistry({
      ...more,
      upstreams: [
        { prefix: 'up.example', url: upstream.url, allowPrivate: true, timeout: 5_000, ...settings },
      ],
    }),
  );

const image = '/v2/up.example/team/app';

describe('manifests', () => {
  test('come byte for byte, are asked for once, and by digest never again', async () => {
    const { digest } = upstream.image('team/app', 'v1', randomBytes(100));
    const registry = await start();
    const first = await registry.call('GET', `${image}/manifests/v1`);
    expect(first.status).toBe(200);
    expect(sha256Of(first.body)).toBe(digest);
    expect(first.headers).toMatchObject({
      'docker-content-digest': digest,
      'oci-namespace': 'up.example',
      'content-type': 'application/vnd.oci.image.manifest.v1+json',
    });
    const asked = upstream.count(MANIFEST);
    for (const reference of ['v1', digest, 'v1'])
      expect((await registry.call('GET', `${image}/manifests/${reference}`)).body).toEqual(first.body);
    expect(upstream.count(MANIFEST)).toBe(asked);
    await upstream.down();
    expect((await registry.call('HEAD', `${image}/manifests/${digest}`)).status).toBe(200);
  });

  test('many who ask at once make one request', async () => {
    upstream.image('team/app', 'v1', randomBytes(100));
    const registry = await start();
    const { promise: gate, resolve } = Promise.withResolvers<boolean>();
    upstream.script = (request) => (request.url?.includes('/manifests/') === true ? gate : false);
    const all = Promise.all(Array.from({ length: 20 }, () => registry.call('GET', `${image}/manifests/v1`)));
    while (upstream.count(MANIFEST) === 0) await new Promise(setImmediate);
    resolve(false);
    expect((await all).map(({ status }) => status)).toEqual(Array<number>(20).fill(200));
    expect(upstream.count(MANIFEST)).toBe(1);
  });

  test('a tag is asked for again after its time: one HEAD where nothing changed, the new one where it moved', async () => {
    const one = upstream.image('team/app', 'v1', randomBytes(100));
    const registry = await start({ tagTtl: 0 });
    await registry.call('GET', `${image}/manifests/v1`);
    upstream.requests.length = 0;
    await registry.call('GET', `${image}/manifests/v1`);
    expect(upstream.requests).toEqual(['HEAD /v2/team/app/manifests/v1']);
    const two = upstream.image('team/app', 'v1', randomBytes(100));
    const moved = await registry.call('GET', `${image}/manifests/v1`);
    expect(moved.headers['docker-content-digest']).toBe(two.digest);
    expect((await registry.call('GET', `${image}/manifests/${one.digest}`)).status).toBe(200);
    const moves = registry.storage.metadata.tagHistory.entries({
      repository: 'up.example/team/app',
      limit: 10,
    });
    expect(moves.map(({ reason }) => reason)).toEqual(['upstream', 'upstream']);
  });

  test('a tag that its upstream deleted is gone; what is missing is not asked for again at once', async () => {
    upstream.image('team/app', 'v1', randomBytes(100));
    const registry = await start({ tagTtl: 0, missingTtl: 60_000 });
    await registry.call('GET', `${image}/manifests/v1`);
    upstream.untag('team/app', 'v1');
    expect(await registry.call('GET', `${image}/manifests/v1`)).toMatchObject({
      status: 404,
      code: 'MANIFEST_UNKNOWN',
    });
    const asked = upstream.count(MANIFEST);
    await registry.call('GET', `${image}/manifests/v1`);
    expect(upstream.count(MANIFEST)).toBe(asked);
  });

  test('an upstream that is down leaves in force what is here, with a warning, for as long as it may', async () => {
    const { digest } = upstream.image('team/app', 'v1', randomBytes(100));
    const registry = await start({ tagTtl: 0 });
    await registry.call('GET', `${image}/manifests/v1`);
    await upstream.down();
    const stale = await registry.call('GET', `${image}/manifests/v1`);
    expect(stale).toMatchObject({ status: 200, headers: { 'docker-content-digest': digest } });
    expect(stale.headers['warning']).toMatch(/^299 - "this is what was here before: /);
    expect(await registry.call('GET', `${image}/manifests/other`)).toMatchObject({ status: 503 });
    expect(registry.registry.upstreams?.status()[0]).toMatchObject({ stale: 1 });
    const strict = await start({ tagTtl: 0, staleFor: 0, prefix: 'strict' });
    expect(await strict.call('GET', '/v2/strict/team/app/manifests/v1')).toMatchObject({ status: 503 });
  });

  test('what does not have its digest, is no manifest or too large is not kept', async () => {
    upstream.image('team/app', 'v1', randomBytes(100));
    const registry = await start();
    const bodies = [
      Buffer.from('{"schemaVersion":2}'),
      Buffer.alloc(9 * 1024 * 1024, 0x20),
      Buffer.from('<html>'),
    ];
    for (const body of bodies) {
      upstream.script = (request, response) => {
        if (request.url?.includes('/manifests/') !== true) return false;
        response.writeHead(200, { 'docker-content-digest': sha256Of(Buffer.from('other')) });
        response.end(body);
        return true;
      };
      const answer = await registry.call('GET', `${image}/manifests/v1`);
      expect(answer.status).toBe(502);
      expect(registry.storage.metadata.contents.hasRepository('up.example/team/app')).toBe(false);
    }
  });

  test('an upstream that never answers costs its timeout once, not every pull', async () => {
    const registry = await start({ timeout: 300 });
    upstream.script = () => true;
    expect((await registry.call('GET', `${image}/manifests/v1`)).status).toBe(503);
    const asked = upstream.requests.length;
    const again = await registry.call('GET', `${image}/manifests/v2`);
    expect(again).toMatchObject({ status: 503 });
    expect(again.text).toContain('did not answer in time');
    expect(upstream.requests).toHaveLength(asked);
  });

  test('what has its digest and is no manifest is not kept either', async () => {
    upstream.manifest('team/app', ['v1'], Buffer.from('[1]'));
    const registry = await start();
    expect((await registry.call('GET', `${image}/manifests/v1`)).status).toBe(502);
    expect(registry.storage.metadata.contents.hasRepository('up.example/team/app')).toBe(false);
  });

  test('429 of the upstream is passed on with its Retry-After, and nobody is asked meanwhile', async () => {
    const registry = await start();
    upstream.script = (_request, response) => {
      response.writeHead(429, { 'retry-after': '77' }).end();
      return true;
    };
    expect(await registry.call('GET', `${image}/manifests/v1`)).toMatchObject({
      status: 429,
      code: 'TOOMANYREQUESTS',
      headers: { 'retry-after': '77' },
    });
    const asked = upstream.requests.length;
    expect((await registry.call('GET', `${image}/manifests/v2`)).status).toBe(429);
    expect(upstream.requests).toHaveLength(asked);
  });

  test('refusals and failures of the upstream are told as such', async () => {
    const registry = await start();
    for (const [status, expected] of [
      [401, 403],
      [403, 403],
      [500, 503],
    ] as const) {
      upstream.script = (_request, response) => {
        response.writeHead(status).end();
        return true;
      };
      expect((await registry.call('GET', `${image}/manifests/v${status}`)).status).toBe(expected);
    }
  });
});

describe('blobs', () => {
  const blobPath = (digest: string): string => `${image}/blobs/${digest}`;

  test('are fetched once for all who want them at the same time', async () => {
    const { layer } = upstream.image('team/app', 'v1', randomBytes(3_000_000));
    const registry = await start();
    await registry.call('GET', `${image}/manifests/v1`);
    const all = await Promise.all(Array.from({ length: 12 }, () => registry.call('GET', blobPath(layer))));
    for (const { status, body } of all) {
      expect(status).toBe(200);
      expect(sha256Of(body)).toBe(layer);
    }
    expect(upstream.count(BLOB)).toBe(1);
    await upstream.down();
    expect(sha256Of((await registry.call('GET', blobPath(layer))).body)).toBe(layer);
    expect(registry.failures).toEqual([]);
  });

  test('are sent while they come, without their end before the digest is right', async () => {
    const bytes = randomBytes(1_000_000);
    const digest = upstream.blob(bytes);
    const registry = await start();
    const { promise: gate, resolve } = Promise.withResolvers<void>();
    upstream.script = async (request, response) => {
      if (request.url?.includes('/blobs/') !== true || request.method !== 'GET') return false;
      response.writeHead(200, { 'content-length': bytes.length });
      response.write(bytes.subarray(0, 999_999));
      await gate;
      response.end(bytes.subarray(999_999));
      return true;
    };
    const response = await fetch(`${registry.url}${blobPath(digest)}`);
    expect(response.headers.get('content-length')).toBe('1000000');
    const reader = response.body?.getReader();
    let received = 0;
    while (received < 1_000_000 - 65_536) received += (await reader?.read())?.value?.length ?? 0;
    expect(received).toBe(1_000_000 - 65_536);
    const range = registry.call('GET', blobPath(digest), { headers: { range: 'bytes=100-199' } });
    expect((await range).body).toEqual(bytes.subarray(100, 200));
    resolve();
    for (let part = await reader?.read(); part?.done === false; part = await reader?.read())
      received += part.value.length;
    expect(received).toBe(1_000_000);
    expect(upstream.count(BLOB)).toBe(1);
  });

  test('that are wrong reach nobody to their end and are not kept', async () => {
    const bytes = randomBytes(500_000);
    const digest = sha256Of(bytes);
    upstream.script = (request, response) => {
      if (request.url?.includes('/blobs/') !== true) return false;
      response.writeHead(200, { 'content-length': bytes.length });
      response.end(Buffer.concat([bytes.subarray(0, -1), Buffer.from([(bytes.at(-1) ?? 0) ^ 1])]));
      return true;
    };
    const registry = await start();
    await expect(registry.call('GET', blobPath(digest))).rejects.toThrow();
    expect(await registry.storage.blobs.stat(digest)).toBeUndefined();
    expect(registry.registry.upstreams?.status()[0]?.lastError).toContain(digest);
    upstream.script = undefined;
    upstream.blob(bytes);
    expect((await registry.call('GET', blobPath(digest))).body).toEqual(bytes);
  });

  test('a client that leaves ends nothing; a cut upstream is gone on with where it stopped', async () => {
    const bytes = randomBytes(2_000_000);
    const digest = upstream.blob(bytes);
    let cuts = 0;
    upstream.script = async (request, response) => {
      if (request.url?.includes('/blobs/') !== true || request.method !== 'GET' || cuts > 0) return false;
      cuts += 1;
      response.writeHead(200, { 'content-length': bytes.length });
      response.write(bytes.subarray(0, 1_000_000), () => setTimeout(() => response.destroy(), 50));
      return true;
    };
    const registry = await start();
    const leaving = new AbortController();
    const response = await fetch(`${registry.url}${blobPath(digest)}`, { signal: leaving.signal });
    await response.body?.getReader().read();
    leaving.abort();
    expect((await registry.call('GET', blobPath(digest))).body).toEqual(bytes);
    expect(upstream.count(BLOB)).toBe(2);
    const ranges = upstream.headers.map(({ range }) => range).filter((range) => range !== undefined);
    expect(ranges).toEqual(['bytes=1000000-']);
  });

  test('that never end, or say nothing of their length, are given up', async () => {
    const registry = await start();
    const digest = sha256Of(Buffer.from('x'));
    for (const length of [undefined, 100_000]) {
      upstream.script = (request, response) => {
        if (request.url?.includes('/blobs/') !== true) return false;
        response.writeHead(200, length === undefined ? {} : { 'content-length': length });
        response.on('error', () => undefined);
        const pour = (): void => {
          while (!response.destroyed && response.write(Buffer.alloc(65_536)));
        };
        response.on('drain', pour);
        pour();
        return true;
      };
      const answer = registry.call('GET', blobPath(digest));
      if (length === undefined) expect((await answer).status).toBe(503);
      else await expect(answer).rejects.toThrow();
      expect(await registry.storage.blobs.stat(digest)).toBeUndefined();
    }
  });

  test('larger than all that may be kept is not begun', async () => {
    const digest = upstream.blob(randomBytes(100_000));
    const registry = await start({ keepBytes: 50_000 });
    const answer = await registry.call('GET', blobPath(digest));
    expect([answer.status, answer.text]).toEqual([503, expect.stringContaining('larger than keepBytes')]);
  });

  test('HEAD asks for the size and fetches nothing', async () => {
    const digest = upstream.blob(randomBytes(12_345));
    const registry = await start();
    const head = await registry.call('HEAD', blobPath(digest));
    expect(head).toMatchObject({ status: 200, headers: { 'content-length': '12345' } });
    expect(upstream.count(BLOB)).toBe(0);
    expect((await registry.call('HEAD', blobPath(sha256Of(Buffer.from('no'))))).status).toBe(404);
  });

  test('one that is here already is linked where its reader may pull it, else the upstream has to send it', async () => {
    const secret = randomBytes(70_000);
    const { layer } = upstream.image('team/app', 'v1', secret);
    const registry = await start();
    await registry.blob('private/app', secret);
    await registry.call('GET', `${image}/manifests/v1`);
    await registry.call('GET', blobPath(layer));
    expect(upstream.count(BLOB)).toBe(0);

    const caller: Caller = {
      name: 'ann',
      kind: 'user',
      loggedIn: true,
      administrator: false,
      may: (_action, repository) => repository.startsWith('up.example/'),
    };
    const access = {
      authenticate: async () => caller,
      challenge: () => '',
      [Symbol.asyncDispose]: async () => undefined,
    };
    const guarded = await start({}, { access });
    const { storage } = guarded;
    const { id } = await storage.blobs.createUpload('private/app', 'sha256');
    await storage.blobs.appendUpload(
      id,
      (async function* () {
        yield secret;
      })(),
    );
    await storage.blobs.commitUpload(id, layer);
    const cause = { actor: 'test' };
    await storage.metadata.contents.linkBlob({
      repository: 'private/app',
      digest: layer,
      size: secret.length,
      how: 'push',
      cause,
    });
    upstream.script = (request, response) => {
      if (request.method !== 'GET' || request.url?.endsWith(layer) !== true) return false;
      response.writeHead(404).end();
      return true;
    };
    await guarded.call('GET', `${image}/manifests/v1`);
    expect((await guarded.call('GET', blobPath(layer))).status).toBe(404);
    expect((await guarded.call('GET', `/v2/private/app/blobs/${layer}`)).status).toBe(403);
  });
});

describe('names', () => {
  test('?ns= chooses the upstream, and one that is unknown is not guessed', async () => {
    const { digest } = upstream.image('team/app', 'v1', randomBytes(100));
    const registry = await start();
    const found = await registry.call('GET', '/v2/team/app/manifests/v1?ns=up.example');
    expect(found).toMatchObject({
      status: 200,
      headers: { 'docker-content-digest': digest, 'oci-namespace': 'up.example' },
    });
    expect(registry.storage.metadata.contents.hasRepository('team/app')).toBe(false);
    const other = await registry.call('GET', '/v2/team/app/manifests/v1?ns=quay.io');
    expect(other).toMatchObject({ status: 404, code: 'NAME_UNKNOWN' });
    expect(other.headers['oci-namespace']).toBeUndefined();
  });

  test('a fallback answers for names that are not here, and leaves pushes alone', async () => {
    const { layer } = upstream.image('team/app', 'v1', randomBytes(100));
    const registry = await start({ fallback: true });
    expect((await registry.call('GET', '/v2/team/app/manifests/v1')).status).toBe(200);
    expect((await registry.call('GET', `/v2/team/app/blobs/${layer}`)).status).toBe(200);
    expect((await registry.call('HEAD', `/v2/team/app/blobs/${layer}`)).status).toBe(404);
    await registry.blob('team/app', 'own');
    expect((await registry.call('GET', '/v2/team/app/manifests/v1')).status).toBe(404);
  });

  test('copies cannot be pushed to; other names can', async () => {
    const registry = await start({ repositories: ['team/*'] });
    expect(await registry.call('POST', `${image}/blobs/uploads/`)).toMatchObject({
      status: 403,
      code: 'DENIED',
    });
    expect((await registry.call('PUT', `${image}/manifests/v1`, { body: '{}' })).status).toBe(403);
    expect((await registry.call('POST', '/v2/up.example/other/blobs/uploads/')).status).toBe(202);
    expect((await registry.call('POST', '/v2/own/blobs/uploads/')).status).toBe(202);
  });

  test('Docker Hub has its own images under library/', async () => {
    upstream.image('library/busybox', 'latest', randomBytes(10));
    const registry = await start({ namespace: 'docker.io', prefix: 'hub' });
    const found = await registry.call('GET', '/v2/library/busybox/manifests/latest?ns=registry-1.docker.io');
    expect(found.headers['oci-namespace']).toBe('docker.io');
  });
});

describe('lists', () => {
  test('tags are those of the upstream, page by page; those that are here when it is down', async () => {
    for (const tag of ['c', 'a', 'b']) upstream.image('team/app', tag, randomBytes(10));
    const registry = await start({ tagTtl: 0 });
    await registry.call('GET', `${image}/manifests/b`);
    expect((await registry.call('GET', `${image}/tags/list`)).json).toEqual({
      name: 'up.example/team/app',
      tags: ['a', 'b', 'c'],
    });
    const page = await registry.call('GET', `${image}/tags/list?n=1&last=a`);
    expect(page.json).toMatchObject({ tags: ['b'] });
    await upstream.down();
    expect((await registry.call('GET', `${image}/tags/list`)).json).toMatchObject({ tags: ['b'] });
    await upstream.up();
    expect((await registry.call('GET', '/v2/up.example/none/tags/list')).status).toBe(404);
  });

  test('referrers are those of the upstream and those that are here', async () => {
    const { digest } = upstream.image('team/app', 'v1', randomBytes(10));
    const signature = {
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      digest: sha256Of(Buffer.from('signature')),
      size: 9,
      artifactType: 'application/x.signature',
      annotations: { by: 'ann' },
    };
    upstream.script = (request, response) => {
      if (request.url?.includes('/referrers/') !== true) return false;
      response.end(JSON.stringify({ schemaVersion: 2, manifests: [signature] }));
      return true;
    };
    const registry = await start();
    const found = await registry.call('GET', `${image}/referrers/${digest}`);
    expect(found.json).toMatchObject({ manifests: [signature] });
    const none = await registry.call('GET', `${image}/referrers/${digest}?artifactType=other`);
    expect(none.json).toMatchObject({ manifests: [] });
  });
});

describe('what an upstream may not do', () => {
  test('lead to inner addresses by itself, by redirects or by its token server', async () => {
    const inner = stack.use(await startScriptedUpstream());
    const digest = inner.blob(randomBytes(10));
    const refused = await start({ allowPrivate: false });
    const answer = await refused.call('GET', `${image}/manifests/v1`);
    expect(answer.status).toBe(503);
    expect(answer.text).not.toContain('127.0.0.1');
    expect(upstream.requests).toEqual([]);

    const registry = await start();
    for (const headers of [
      { location: `${inner.url}/v2/team/app/blobs/${digest}` },
      { 'www-authenticate': `Bearer realm="${inner.url}/token",service="x"` },
    ]) {
      upstream.script = (_request, response) => {
        response.writeHead('location' in headers ? 307 : 401, headers).end();
        return true;
      };
      expect((await registry.call('GET', `${image}/blobs/${digest}`)).status).toBe(503);
      expect((await registry.call('GET', `${image}/manifests/v1`)).status).toBe(503);
    }
    expect(inner.requests).toEqual([]);
  });

  test('make us give up TLS', async () => {
    const registry = await start({ url: upstream.url.replace('http:', 'https:'), insecure: true });
    expect((await registry.call('GET', `${image}/manifests/v1`)).status).toBe(503);
    expect(upstream.requests).toEqual([]);
  });

  test('take our credentials to another host', async () => {
    const other = stack.use(await startScriptedUpstream());
    const bytes = randomBytes(10);
    const digest = other.blob(bytes);
    upstream.script = (request, response) => {
      if (request.headers.authorization === undefined) {
        response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end();
        return true;
      }
      if (request.url?.includes('/blobs/') !== true) return false;
      response.writeHead(307, { location: `${other.url}${request.url}` }).end();
      return true;
    };
    const registry = await start({
      username: 'ann',
      password: 'geheim',
      allowPrivate: ['127.0.0.0/8'],
    });
    expect((await registry.call('GET', `${image}/blobs/${digest}`)).body).toEqual(bytes);
    expect(other.requests).toHaveLength(1);
    expect(other.headers[0]).not.toHaveProperty('authorization');

    other.script = (_request, response) => {
      response.writeHead(401, { 'www-authenticate': `Bearer realm="${other.url}/token",service="x"` }).end();
      return true;
    };
    const wanted = sha256Of(Buffer.from('next'));
    await registry.call('GET', `${image}/blobs/${wanted}`);
    expect(other.count(/token/)).toBe(0);
    const entries = registry.storage.metadata.journal.entries({ limit: 1000 });
    expect(JSON.stringify([entries, registry.registry.upstreams?.status()])).not.toContain('geheim');
  });
});

test('what was not pulled for longest goes first, and nothing that was pushed', async () => {
  const digests = ['a', 'b', 'c'].map((tag) => upstream.image('team/app', tag, randomBytes(10_000)));
  const registry = await start({ keepBytes: 25_000 });
  for (const [index, { digest, layer }] of digests.entries()) {
    await registry.call('GET', `${image}/manifests/${['a', 'b', 'c'][index]}`);
    await registry.call('GET', `${image}/blobs/${layer}`);
    await registry.storage.metadata.upstreamRecords.used([
      { repository: 'up.example/team/app', digest, atMs: Date.now() + (index === 0 ? 90_000 : index * 1000) },
    ]);
  }
  await registry.blob('own/app', randomBytes(100_000));
  const now = Date.now;
  Date.now = () => now() + 100_000;
  try {
    expect(await registry.registry.upstreams?.trim()).toBe(1);
  } finally {
    Date.now = now;
  }
  const { contents } = registry.storage.metadata;
  expect(contents.tags('up.example/team/app', { limit: 10, after: '' })).toEqual(['a', 'c']);
});
