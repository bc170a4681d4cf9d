import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { readdir } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { accessErrors, type AccessControl } from '#access';
import { digestBy, startWireRegistry, type WireRegistry } from './testing.ts';

const OCI_IMAGE = 'application/vnd.oci.image.manifest.v1+json';
const OCI_INDEX = 'application/vnd.oci.image.index.v1+json';
const CONFIG = 'application/vnd.oci.image.config.v1+json';

/** Basic names without passwords: everybody may do everything in the folder of their name, and read `public/`. */
const createFolderAccess = (): AccessControl => ({
  authenticate: async ({ authorization = '' }) => {
    const name =
      Buffer.from(authorization.replace('Basic ', ''), 'base64').toString('utf8').split(':')[0] ?? '';
    if (name === 'stranger') throw accessErrors.unauthorized({});
    const loggedIn = name !== '';
    return {
      name: loggedIn ? name : 'anonymous',
      kind: loggedIn ? 'user' : 'anonymous',
      loggedIn,
      administrator: false,
      may: (action, repository) =>
        (loggedIn && repository.startsWith(`${name}/`)) ||
        (action === 'pull' && repository.startsWith('public/')),
    };
  },
  challenge: () => 'Basic realm="test"',
  [Symbol.asyncDispose]: async () => undefined,
});

const as = (name: string) => ({ authorization: `Basic ${Buffer.from(`${name}:x`).toString('base64')}` });

let open: WireRegistry;
let guarded: WireRegistry;
beforeAll(async () => {
  open = await startWireRegistry({ limits: { blobBytes: 1_000_000, bodyIdleMs: 400 } });
  guarded = await startWireRegistry({ access: createFolderAccess() });
});
afterAll(async () => {
  await open[Symbol.asyncDispose]();
  await guarded[Symbol.asyncDispose]();
});

const rawly = (wire: WireRegistry): Socket => {
  const socket = connect(Number(new URL(wire.url).port), '127.0.0.1');
  socket.on('error', () => undefined);
  return socket;
};

/** The whole answer to bytes as they are. */
const sent = async (wire: WireRegistry, bytes: string): Promise<string> => {
  const socket = rawly(wire);
  socket.write(bytes);
  return text(socket);
};

const pushAs = async (name: string, repository: string, content: string): Promise<string> => {
  const digest = digestBy('sha256', content);
  const put = await guarded.call('POST', `/v2/${repository}/blobs/uploads/?digest=${digest}`, {
    body: content,
    headers: as(name),
  });
  expect(put.status).toBe(201);
  return digest;
};

describe('path traversal', () => {
  const climbing = [
    '..%2f..%2fetc',
    '%2e%2e%2f%2e%2e',
    '..',
    '%2e%2e',
    '..\\..',
    '%00',
    '/etc/passwd',
    '%252e%252e%252f',
  ];
  const shapes = [
    (piece: string) => `/v2/${piece}/manifests/latest`,
    (piece: string) => `/v2/a/${piece}/tags/list`,
    (piece: string) => `/v2/a/manifests/${piece}`,
    (piece: string) => `/v2/a/blobs/${piece}`,
    (piece: string) => `/v2/a/blobs/sha256:${piece}`,
    (piece: string) => `/v2/a/blobs/uploads/${piece}`,
    (piece: string) => `/v2/a/referrers/${piece}`,
  ];

  test.each(shapes.flatMap((shape) => climbing.map(shape)))('%s', async (path) => {
    for (const method of ['GET', 'PUT', 'DELETE', 'PATCH', 'POST']) {
      const answer = await sent(open, `${method} ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
      expect(answer).toMatch(/^HTTP\/1\.1 (?:400|404|405) /);
    }
  });

  test('leaves nothing outside and nothing inside', async () => {
    const names = await readdir(open.root);
    expect(names.filter((name) => /passwd|etc|\.\./.test(name))).toEqual([]);
    expect(open.failures).toEqual([]);
  });
});

describe('digest confusion', () => {
  const image = async (repository: string) => {
    const digest = await open.blob(repository, '{}');
    return { schemaVersion: 2, config: { mediaType: CONFIG, digest, size: 2 }, layers: [] };
  };
  const put = (body: string, type: string, reference = 'x') =>
    open.call('PUT', `/v2/confused/manifests/${reference}`, { body, headers: { 'content-type': type } });

  test('an image is not taken for an index, nor an index for an image', async () => {
    const body = JSON.stringify(await image('confused'));
    expect((await put(body, OCI_INDEX)).code).toBe('MANIFEST_INVALID');
    const index = JSON.stringify({ schemaVersion: 2, manifests: [] });
    expect((await put(index, OCI_IMAGE)).code).toBe('MANIFEST_INVALID');
  });

  test('what is both an image and an index is neither', async () => {
    const both = JSON.stringify({ ...(await image('confused')), manifests: [] });
    for (const type of [OCI_IMAGE, OCI_INDEX]) expect((await put(both, type)).code).toBe('MANIFEST_INVALID');
  });

  test('Content-Type and mediaType that differ are refused', async () => {
    const body = JSON.stringify({ ...(await image('confused')), mediaType: OCI_IMAGE });
    for (const type of [OCI_INDEX, 'application/vnd.example+json', 'text/html'])
      expect([type, (await put(body, type)).code]).toEqual([type, 'MANIFEST_INVALID']);
    expect((await put(body, 'application/json')).status).toBe(201);
    expect((await open.call('GET', '/v2/confused/manifests/x')).headers['content-type']).toBe(OCI_IMAGE);
  });

  test('a digest of one algorithm is no digest of another', async () => {
    const body = JSON.stringify(await image('confused'));
    const hex = digestBy('sha512', body).slice('sha512:'.length);
    for (const digest of [
      `sha256:${hex}`,
      `sha256:${hex.slice(0, 64)}`,
      `sha512:${digestBy('sha256', body).slice(7)}`,
    ])
      expect((await put(body, OCI_IMAGE, digest)).code).toBe('DIGEST_INVALID');
    const begun = await open.call('POST', '/v2/confused/blobs/uploads/?digest-algorithm=sha512');
    const closed = await open.call('PUT', `${begun.headers.location}?digest=sha256:${hex.slice(0, 64)}`, {
      body,
    });
    expect(closed.code).toBe('DIGEST_INVALID');
    expect((await open.call('POST', '/v2/confused/blobs/uploads/?digest-algorithm=md5')).code).toBe(
      'DIGEST_INVALID',
    );
  });

  test('a manifest is no blob and a blob is no manifest', async () => {
    const body = JSON.stringify(await image('confused'));
    const pushed = await put(body, OCI_IMAGE, 'kinds');
    const digest = String(pushed.headers['docker-content-digest']);
    expect((await open.call('GET', `/v2/confused/blobs/${digest}`)).status).toBe(404);
    const config = digestBy('sha256', '{}');
    expect((await open.call('GET', `/v2/confused/manifests/${config}`)).status).toBe(404);
  });

  test('no browser runs what was pushed', async () => {
    const body = JSON.stringify({ '<script>alert(1)</script>': 1 });
    expect((await put(body, 'text/html', 'page')).status).toBe(201);
    const { headers } = await open.call('GET', '/v2/confused/manifests/page');
    expect(headers).toMatchObject({
      'content-type': 'text/html',
      'x-content-type-options': 'nosniff',
      'content-security-policy': expect.stringContaining('sandbox'),
    });
  });
});

describe('reads across repositories', () => {
  const secret = 'only for alice';

  test('a guessed digest of another repository is 404, also for who may mount it', async () => {
    const digest = await pushAs('alice', 'alice/app', secret);
    for (const repository of ['bob/app', 'bob/other'])
      expect(
        (await guarded.call('GET', `/v2/${repository}/blobs/${digest}`, { headers: as('bob') })).status,
      ).toBe(404);
    const direct = await guarded.call('GET', `/v2/alice/app/blobs/${digest}`, { headers: as('bob') });
    expect([direct.status, direct.code]).toEqual([403, 'DENIED']);
  });

  test('a mount gives nothing that the caller may not pull', async () => {
    const digest = await pushAs('alice', 'alice/app', secret);
    for (const query of [
      `?mount=${digest}&from=alice/app`,
      `?mount=${digest}`,
      `?mount=${digest}&from=bob/app`,
    ]) {
      const answer = await guarded.call('POST', `/v2/bob/app/blobs/uploads/${query}`, { headers: as('bob') });
      expect([answer.status, answer.headers.location]).toEqual([
        202,
        expect.stringContaining('/blobs/uploads/'),
      ]);
      expect((await guarded.call('HEAD', `/v2/bob/app/blobs/${digest}`, { headers: as('bob') })).status).toBe(
        404,
      );
    }
  });

  test('a manifest cannot name what its repository does not have', async () => {
    const digest = await pushAs('alice', 'alice/app', secret);
    const body = JSON.stringify({
      schemaVersion: 2,
      mediaType: OCI_IMAGE,
      config: { mediaType: CONFIG, digest, size: secret.length },
      layers: [],
    });
    const answer = await guarded.call('PUT', '/v2/bob/app/manifests/x', {
      body,
      headers: { ...as('bob'), 'content-type': OCI_IMAGE },
    });
    expect([answer.status, answer.code]).toEqual([404, 'MANIFEST_BLOB_UNKNOWN']);
  });

  test('optional blobs of unknown manifests open nothing either', async () => {
    const digest = await pushAs('alice', 'alice/app', secret);
    const body = JSON.stringify({ blobs: [{ mediaType: 'text/plain', digest, size: secret.length }] });
    const headers = { ...as('bob'), 'content-type': 'application/vnd.example+json' };
    expect((await guarded.call('PUT', '/v2/bob/app/manifests/x', { body, headers })).status).toBe(201);
    expect((await guarded.call('GET', `/v2/bob/app/blobs/${digest}`, { headers: as('bob') })).status).toBe(
      404,
    );
  });

  test('a session belongs to its repository', async () => {
    const begun = await guarded.call('POST', '/v2/alice/app/blobs/uploads/', { headers: as('alice') });
    const stolen = String(begun.headers.location).replace('alice/app', 'bob/app');
    for (const method of ['GET', 'PATCH', 'PUT', 'DELETE'])
      expect(
        (await guarded.call(method, `${stolen}?digest=${digestBy('sha256', 'x')}`, { headers: as('bob') }))
          .code,
      ).toBe('BLOB_UPLOAD_UNKNOWN');
  });

  test('the catalog has only what the caller may pull, page by page', async () => {
    const push = async (name: string, repository: string) => {
      const digest = await pushAs(name, repository, '{}');
      const body = JSON.stringify({
        schemaVersion: 2,
        mediaType: OCI_IMAGE,
        config: { mediaType: CONFIG, digest, size: 2 },
        layers: [],
      });
      const put = await guarded.call('PUT', `/v2/${repository}/manifests/v1`, {
        body,
        headers: { ...as(name), 'content-type': OCI_IMAGE },
      });
      expect(put.status).toBe(201);
    };
    for (const name of ['alice', 'bob', 'carol', 'public'])
      for (const part of ['x', 'y', 'z']) await push(name, `${name}/${part}`);
    const seen: string[] = [];
    let path = '/v2/_catalog?n=2';
    while (path !== '') {
      const page = await guarded.call('GET', path, { headers: as('carol') });
      seen.push(...(page.json as { repositories: string[] }).repositories);
      path = /<(.*)>; rel="next"/.exec(String(page.headers.link))?.[1] ?? '';
    }
    expect(seen).toEqual(['carol/x', 'carol/y', 'carol/z', 'public/x', 'public/y', 'public/z']);
  });
});

describe('injection', () => {
  test('media types that are none never become headers', async () => {
    for (const mediaType of [
      'a/b\r\nSet-Cookie: x=1',
      'ä/b',
      'a/b;c',
      'a b/c',
      '/',
      'a/',
      `a/${'b'.repeat(200)}`,
    ]) {
      const body = JSON.stringify({ mediaType });
      const answer = await open.call('PUT', '/v2/inject/manifests/x', { body });
      expect([mediaType, answer.code]).toEqual([mediaType, 'MANIFEST_INVALID']);
    }
  });

  test.each([
    '/v2/a/manifests/x?ns=evil%0d%0aSet-Cookie:%20x=1',
    '/v2/a/tags/list?n=1&last=%0d%0aSet-Cookie:%20x=1',
    '/v2/_catalog?n=1&last=%0d%0aSet-Cookie:%20x=1',
    `/v2/a/referrers/${digestBy('sha256', 'x')}?artifactType=%0d%0aSet-Cookie:%20x=1&last=%0d%0a`,
    '/v2/%0d%0aSet-Cookie:%20x=1/tags/list',
  ])('%s', async (path) => {
    const answer = await sent(open, `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
    expect(answer).toMatch(/^HTTP\/1\.1 (?:200|400|404) /);
    expect(answer.split('\r\n\r\n')[0]).not.toMatch(/^set-cookie/im);
    expect(open.failures).toEqual([]);
  });

  test('an entry of the journal stays one line, whatever the client calls itself', async () => {
    const agent = `x\u00a0y\t{"forged":true}${'z'.repeat(2000)}`;
    await guarded.call('DELETE', '/v2/alice/app/manifests/v1', {
      headers: { ...as('bob'), 'user-agent': agent },
    });
    const find = () =>
      guarded.storage.metadata.journal
        .entries({ limit: 10, outcome: 'refused', newestFirst: true })
        .find(({ cause }) => cause.client?.startsWith('x') === true);
    await expect.poll(find).toBeDefined();
    expect(JSON.stringify(find())).not.toMatch(/\\[nrt]|\\u00/);
    expect(find()?.cause.client?.length).toBeLessThanOrEqual(300);
  });
});

describe('refusals in the journal', () => {
  const refused = () =>
    guarded.storage.metadata.journal.entries({ limit: 50, outcome: 'refused', newestFirst: true });
  const refusedOf = (repository: string) => refused().find((entry) => entry.repository === repository);

  test('say who, what, from where and why', async () => {
    const digest = digestBy('sha256', 'x');
    const path = `/v2/alice/journal/manifests/${digest}`;
    await guarded.call('PUT', path, { body: '{}', headers: { ...as('bob'), 'user-agent': 'tool/1' } });
    await expect.poll(() => refusedOf('alice/journal')).toBeDefined();
    expect(refusedOf('alice/journal')).toMatchObject({
      action: 'push',
      digest,
      reason: 'bob may not pull alice/journal',
      cause: { actor: 'bob', address: '127.0.0.1', client: 'tool/1', method: 'PUT' },
    });
  });

  test('have anonymous writes, and no reads without credentials', async () => {
    await guarded.call('GET', '/v2/alice/quiet/tags/list');
    await guarded.call('POST', '/v2/alice/loud/blobs/uploads/');
    await expect.poll(() => refusedOf('alice/loud')).toMatchObject({ cause: { actor: 'anonymous' } });
    expect(refusedOf('alice/quiet')).toBeUndefined();
  });
});

describe('clients that never come to an end', () => {
  test('a body that stands still loses its connection, and what came is kept', async () => {
    const at = String((await open.call('POST', '/v2/slow/blobs/uploads/')).headers.location);
    const socket = rawly(open);
    socket.write(`PATCH ${at} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nfirst-`);
    expect(await text(socket).catch(() => '')).not.toContain('202');
    const status = await open.call('GET', at);
    expect([status.status, status.headers.range]).toEqual([204, '0-5']);
  });

  test('chunks without end are cut at the limit of a blob', async () => {
    const at = String((await open.call('POST', '/v2/slow/blobs/uploads/')).headers.location);
    const socket = rawly(open);
    const answer = text(socket).catch(() => '');
    socket.write(
      `PATCH ${at} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n`,
    );
    const chunk = `186a0\r\n${'x'.repeat(100_000)}\r\n`;
    for (let count = 0; count < 15; count += 1) socket.write(chunk);
    socket.write('0\r\n\r\n');
    expect(await answer).toMatch(/^HTTP\/1\.1 413 /);
    const declared = await open.call('PATCH', at, { body: randomBytes(1_000_001) });
    expect([declared.status, declared.code]).toEqual([413, 'SIZE_INVALID']);
  });

  test('more bytes than Content-Range says are refused', async () => {
    const at = String((await open.call('POST', '/v2/slow/blobs/uploads/')).headers.location);
    const answer = await sent(
      open,
      `PATCH ${at} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Range: 0-3\r\nTransfer-Encoding: chunked\r\n\r\n8\r\nabcdefgh\r\n0\r\n\r\n`,
    );
    expect(answer).toMatch(/^HTTP\/1\.1 400 [^]*SIZE_INVALID/);
  });

  test('fewer bytes than Content-Range says are refused, and count', async () => {
    const at = String((await open.call('POST', '/v2/slow/blobs/uploads/')).headers.location);
    const chunk = (method: string, target: string, range: string): Promise<string> =>
      sent(
        open,
        `${method} ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Range: ${range}\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n0\r\n\r\n`,
      );
    expect(await chunk('PATCH', at, '0-7')).toMatch(/^HTTP\/1\.1 400 [^]*SIZE_INVALID/);
    const put = `${at}?digest=${digestBy('sha256', 'abcdabcdabcd')}`;
    expect(await chunk('PUT', put, '4-11')).toMatch(/^HTTP\/1\.1 400 [^]*SIZE_INVALID/);
    expect((await open.call('GET', at)).headers.range).toBe('0-7');
    expect(await chunk('PUT', put, '8-11')).toMatch(/^HTTP\/1\.1 201 /);
  });
});

test('pages of lists and searches name nothing that is hidden, not even as the place to go on from', async () => {
  const layer = digestBy('sha256', 'hidden');
  const index = { schemaVersion: 2, mediaType: OCI_INDEX, manifests: [], annotations: { layer } };
  const push = async (repository: string): Promise<string> => {
    const owner = repository.split('/')[0] ?? '';
    const answer = await guarded.call('PUT', `/v2/${repository}/manifests/v1`, {
      headers: { ...as(owner), 'content-type': OCI_INDEX },
      body: JSON.stringify(index),
    });
    expect(answer.status).toBe(201);
    return String(answer.headers['docker-content-digest']);
  };
  const digest = await push('secretive/plan-a');
  await push('secretive/plan-b');
  await push('zoe/own');
  const asked = async (path: string, name: string) => {
    const answer = await guarded.call('GET', `/lade/v1/registry${path}`, { headers: as(name) });
    expect(answer.status).toBe(200);
    return answer.text;
  };
  for (const path of [`/search?n=1&digest=${digest}`, '/repositories?n=1&q=plan']) {
    expect(await asked(path, 'nosy')).not.toContain('secretive');
    expect(await asked(path, 'secretive')).toContain('"next":"secretive/plan-a');
  }
  expect(await asked('/repositories?n=1&q=zoe', 'zoe')).toContain('zoe/own');
  expect(await asked('/repositories?n=0', 'zoe')).toBe('{"repositories":[]}');
});
