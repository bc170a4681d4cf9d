import { randomBytes, randomUUID } from 'node:crypto';
import { connect } from 'node:net';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { createHttpClient } from '#http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { digestBy, startWireRegistry, type WireAnswer, type WireRegistry } from './testing.ts';

let wire: WireRegistry;
beforeAll(async () => {
  wire = await startWireRegistry();
});
afterAll(() => wire[Symbol.asyncDispose]());

const location = (answer: WireAnswer): string => String(answer.headers.location);
const begin = (repository: string, query = ''): Promise<WireAnswer> =>
  wire.call('POST', `/v2/${repository}/blobs/uploads/${query}`);
const withQuery = (path: string, query: string): string => `${path}${path.includes('?') ? '&' : '?'}${query}`;

test('answers the base, and nothing else outside the protocol', async () => {
  const base = await wire.call('GET', '/v2/');
  expect([base.status, base.headers['docker-distribution-api-version'], base.text]).toEqual([
    200,
    'registry/2.0',
    '{}',
  ]);
  expect((await wire.call('GET', '/v2/nothing')).status).toBe(404);
  expect((await wire.call('POST', '/v2/')).status).toBe(405);
});

describe.each(['sha256', 'sha512'] as const)('uploads with %s', (algorithm) => {
  const repository = `conformance/${algorithm}`;
  const bytes = randomBytes(2048);

  const proveAndDelete = async (put: WireAnswer, content: Uint8Array): Promise<void> => {
    const digest = digestBy(algorithm, content);
    const path = `/v2/${repository}/blobs/${digest}`;
    expect(put.status).toBe(201);
    expect(location(put)).toBe(path);
    expect(put.headers['docker-content-digest']).toBe(digest);
    const head = await wire.call('HEAD', path);
    expect([head.status, head.headers['content-length'], head.headers['docker-content-digest']]).toEqual([
      200,
      String(content.length),
      digest,
    ]);
    const get = await wire.call('GET', location(put));
    expect([get.status, get.body]).toEqual([200, Buffer.from(content)]);
    expect((await wire.call('DELETE', path)).status).toBe(202);
    const gone = await wire.call('GET', path);
    expect([gone.status, gone.code]).toEqual([404, 'BLOB_UNKNOWN']);
    expect((await wire.call('DELETE', path)).status).toBe(404);
  };

  test('missing', async () => {
    const digest = digestBy(algorithm, randomUUID());
    expect((await wire.call('HEAD', `/v2/${repository}/blobs/${digest}`)).status).toBe(404);
    expect((await wire.call('GET', `/v2/${repository}/blobs/${digest}`)).code).toBe('BLOB_UNKNOWN');
  });

  test.each([2048, 2, 0])('a single POST of %i bytes', async (size) => {
    const content = bytes.subarray(0, size);
    const answer = await wire.call(
      'POST',
      `/v2/${repository}/blobs/uploads/?digest=${digestBy(algorithm, content)}`,
      { body: content, headers: { 'content-type': 'application/octet-stream' } },
    );
    await proveAndDelete(answer, content);
  });

  test.each([2048, 2, 0])('POST and PUT of %i bytes', async (size) => {
    const content = bytes.subarray(0, size);
    const begun = await begin(repository, `?digest-algorithm=${algorithm}`);
    expect(begun.status).toBe(202);
    expect(location(begun)).toMatch(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/);
    const target = withQuery(location(begun), `digest=${encodeURIComponent(digestBy(algorithm, content))}`);
    await proveAndDelete(await wire.call('PUT', target, { body: content }), content);
  });

  test('a stream: PATCH without Content-Range', async () => {
    const begun = await begin(repository);
    const patched = await wire.call('PATCH', location(begun), { body: bytes });
    expect([patched.status, patched.headers.range]).toEqual([202, '0-2047']);
    const target = withQuery(location(patched), `digest=${digestBy(algorithm, bytes)}`);
    await proveAndDelete(await wire.call('PUT', target), bytes);
  });

  test('three chunks, the last one in the PUT', async () => {
    let at = location(await begin(repository));
    for (const [start, end] of [
      [0, 1000],
      [1000, 1500],
    ] as const) {
      const patched = await wire.call('PATCH', at, {
        body: bytes.subarray(start, end),
        headers: { 'content-range': `${start}-${end - 1}` },
      });
      expect([patched.status, patched.headers.range]).toEqual([202, `0-${end - 1}`]);
      at = location(patched);
      const status = await wire.call('GET', at);
      expect([status.status, status.headers.range]).toEqual([204, `0-${end - 1}`]);
    }
    const target = withQuery(at, `digest=${digestBy(algorithm, bytes)}`);
    const put = await wire.call('PUT', target, {
      body: bytes.subarray(1500),
      headers: { 'content-range': '1500-2047' },
    });
    await proveAndDelete(put, bytes);
  });

  test('chunks out of order are 416 and the session goes on', async () => {
    const at = location(await begin(repository));
    const early = await wire.call('PATCH', at, {
      body: bytes.subarray(1000),
      headers: { 'content-range': '1000-2047' },
    });
    expect([early.status, early.headers.location, early.headers.range]).toEqual([416, at, '0-0']);
    await wire.call('PATCH', at, { body: bytes.subarray(0, 1000), headers: { 'content-range': '0-999' } });
    const target = withQuery(at, `digest=${digestBy(algorithm, bytes)}`);
    const again = await wire.call('PUT', target, {
      body: bytes.subarray(0, 1000),
      headers: { 'content-range': '0-999' },
    });
    expect(again.status).toBe(416);
    const status = await wire.call('GET', at);
    expect([status.status, status.headers.range]).toEqual([204, '0-999']);
    const put = await wire.call('PUT', target, {
      body: bytes.subarray(1000),
      headers: { 'content-range': '1000-2047' },
    });
    await proveAndDelete(put, bytes);
  });

  test('a chunk whose range and length differ is refused', async () => {
    const at = location(await begin(repository));
    const wrong = await wire.call('PATCH', at, { body: bytes, headers: { 'content-range': '0-99' } });
    expect([wrong.status, wrong.code]).toEqual([400, 'SIZE_INVALID']);
  });

  test('cancel', async () => {
    const at = location(await begin(repository));
    expect((await wire.call('DELETE', at)).status).toBe(204);
    const gone = await wire.call('GET', at);
    expect([gone.status, gone.code]).toEqual([404, 'BLOB_UPLOAD_UNKNOWN']);
    expect((await wire.call('PATCH', at, { body: 'x' })).status).toBe(404);
  });

  test('mount with and without from, and of what is missing', async () => {
    const digest = await wire.blob(`${repository}/source`, bytes, algorithm);
    const mounted = await begin(repository, `?mount=${digest}&from=${repository}/source`);
    await proveAndDelete(mounted, bytes);
    await proveAndDelete(await begin(repository, `?mount=${digest}`), bytes);
    const missing = digestBy(algorithm, randomUUID());
    for (const query of [`?mount=${missing}&from=${repository}/source`, `?mount=${missing}`]) {
      const answer = await begin(repository, query);
      expect(answer.status).toBe(202);
      expect((await wire.call('GET', location(answer))).status).toBe(204);
    }
    const elsewhere = await begin(repository, `?mount=${digest}&from=conformance/nowhere`);
    expect(elsewhere.status).toBe(202);
  });

  test('five ways to give a wrong digest are 400', async () => {
    const wrong = digestBy(algorithm, 'something else');
    const answers = [
      await wire.call('POST', `/v2/${repository}/blobs/uploads/?digest=${wrong}`, { body: bytes }),
      await wire.call('PUT', withQuery(location(await begin(repository)), `digest=${wrong}`), {
        body: bytes,
      }),
      await wire.call('PUT', withQuery(location(await begin(repository)), `digest=${algorithm}:bad`), {
        body: bytes,
      }),
      await wire.call('PUT', location(await begin(repository)), { body: bytes }),
      await wire.call('POST', `/v2/${repository}/blobs/uploads/?digest=${algorithm}:bad`, { body: bytes }),
    ];
    for (const answer of answers) expect([answer.status, answer.code]).toEqual([400, 'DIGEST_INVALID']);
    expect((await wire.call('HEAD', `/v2/${repository}/blobs/${wrong}`)).status).toBe(404);
  });

  test('ranges', async () => {
    const path = `/v2/${repository}/blobs/${await wire.blob(repository, bytes, algorithm)}`;
    const ranges: readonly (readonly [string, number, number])[] = [
      ['500-1499', 500, 1500],
      ['500-', 500, 2048],
      ['-500', 1548, 2048],
      ['2000-5000', 2000, 2048],
      ['-5000', 0, 2048],
    ];
    for (const [range, start, end] of ranges) {
      const part = await wire.call('GET', path, { headers: { range: `bytes=${range}` } });
      expect([part.status, part.headers['content-range'], part.body]).toEqual([
        206,
        `bytes ${start}-${end - 1}/2048`,
        bytes.subarray(start, end),
      ]);
    }
    for (const range of ['500-0', '5000-10000', '-0']) {
      const refused = await wire.call('GET', path, { headers: { range: `bytes=${range}` } });
      expect([refused.status, refused.headers['content-range']]).toEqual([416, 'bytes */2048']);
    }
    const ignored = await wire.call('GET', path, { headers: { range: 'bytes=0-1,5-6' } });
    expect([ignored.status, ignored.body]).toEqual([200, bytes]);
    const known = await wire.call('GET', path, {
      headers: { 'if-none-match': `"${path.split('/').at(-1)}"` },
    });
    expect(known.status).toBe(304);
  });
});

test('another repository sees neither blob nor session', async () => {
  const digest = await wire.blob('team/a', 'secret');
  expect((await wire.call('GET', `/v2/team/b/blobs/${digest}`)).status).toBe(404);
  const at = location(await begin('team/a'));
  expect((await wire.call('GET', at.replace('team/a', 'team/b'))).code).toBe('BLOB_UPLOAD_UNKNOWN');
});

test('an upload whose client leaves keeps what arrived', async () => {
  const at = location(await begin('team/cut'));
  const controller = new AbortController();
  await using client = createHttpClient();
  const body = Readable.from(
    (async function* () {
      yield Buffer.alloc(100_000, 'a');
      await new Promise((resolve) => setTimeout(resolve, 100));
      controller.abort();
      yield Buffer.alloc(1, 'b');
    })(),
  );
  const sending = client.request({
    method: 'PATCH',
    url: `${wire.url}${at}`,
    body,
    signal: controller.signal,
  });
  await expect(sending).rejects.toMatchObject({ kind: 'cancelled' });
  await expect.poll(async () => (await wire.call('GET', at)).headers.range).toBe('0-99999');
  const rest = await wire.call('PATCH', at, { body: 'tail', headers: { 'content-range': '100000-100003' } });
  expect(rest.status).toBe(202);
  const digest = digestBy('sha256', `${'a'.repeat(100_000)}tail`);
  expect((await wire.call('PUT', withQuery(at, `digest=${digest}`))).status).toBe(201);
  expect(wire.failures).toEqual([]);
});

test('a client that comes back cuts its own request that still hangs', async () => {
  const at = location(await begin('team/back'));
  const socket = connect(Number(new URL(wire.url).port), '127.0.0.1');
  socket.on('error', () => undefined);
  socket.write(`PATCH ${at} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nfirst-`);
  await expect.poll(async () => (await wire.call('GET', at)).headers.range).toBe('0-5');
  const rest = await wire.call('PATCH', at, { body: 'second', headers: { 'content-range': '6-11' } });
  expect([rest.status, rest.headers.range]).toEqual([202, '0-11']);
  const digest = digestBy('sha256', 'first-second');
  expect((await wire.call('PUT', withQuery(at, `digest=${digest}`))).status).toBe(201);
});

describe('hostile input', () => {
  const hostile = [
    '/v2/../etc/passwd/blobs/sha256:00',
    '/v2/a/%2e%2e/b/tags/list',
    '/v2/UPPER/tags/list',
    '/v2/a//b/tags/list',
    '/v2/-a/tags/list',
    `/v2/${'a'.repeat(300)}/tags/list`,
    '/v2/a/blobs/sha256:..%2f..%2fpasswd',
    `/v2/a/blobs/sha256:${'A'.repeat(64)}`,
    '/v2/a/blobs/md5:d41d8cd98f00b204e9800998ecf8427e',
    '/v2/a/blobs/uploads/..%2f..%2f..%2fetc',
    '/v2/a/blobs/uploads/not-an-id',
    '/v2/a/manifests/.hidden',
    `/v2/a/manifests/${'a'.repeat(129)}`,
    '/v2/a/manifests/%00',
    '/v2/a/tags/list?n=-1',
    '/v2/a%zz/tags/list',
    "/v2/a/tags/list?last=';DROP TABLE tags;--",
  ];
  test.each(hostile)('%s is refused', async (path) => {
    const socket = connect(Number(new URL(wire.url).port), '127.0.0.1');
    socket.end(`GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
    expect(await text(socket)).toMatch(/^HTTP\/1\.1 40[04] /);
  });
});
