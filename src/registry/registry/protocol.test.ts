import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseDigest } from '#oci';
import { readManifest } from '#metadata';
import { digestBy, startWireRegistry, type WireAnswer, type WireRegistry } from './testing.ts';

const OCI_IMAGE = 'application/vnd.oci.image.manifest.v1+json';
const OCI_INDEX = 'application/vnd.oci.image.index.v1+json';
const CAUSE = { actor: 'test' };

let wire: WireRegistry;
beforeAll(async () => {
  wire = await startWireRegistry();
});
afterAll(() => wire[Symbol.asyncDispose]());

const put = (repository: string, target: string, body: string, type = OCI_INDEX): Promise<WireAnswer> =>
  wire.call('PUT', `/v2/${repository}/manifests/${target}`, { body, headers: { 'content-type': type } });
const get = (repository: string, target: string): Promise<WireAnswer> =>
  wire.call('GET', `/v2/${repository}/manifests/${target}`);
const indexOf = (
  manifests: readonly object[],
  annotations: Record<string, string> = { unique: randomUUID() },
): string => JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests, annotations });
const entryOf = (body: string) => ({
  mediaType: OCI_INDEX,
  digest: digestBy('sha256', body),
  size: body.length,
});

/** Straight into the records: a hundred thousand requests would only take time. */
const tagDirectly = async (repository: string, tags: readonly string[]): Promise<void> => {
  const bytes = Buffer.from(indexOf([]));
  const digest = parseDigest(digestBy('sha256', bytes));
  const facts = readManifest(bytes, OCI_INDEX);
  await wire.storage.metadata.contents.putManifest({ repository, digest, bytes, facts, tags, cause: CAUSE });
};

const nextOf = (answer: WireAnswer): string | undefined =>
  /<(.*)>; rel="next"/.exec(String(answer.headers.link))?.[1];
const tagsIn = (answer: WireAnswer): readonly string[] => (answer.json as { tags: string[] }).tags;

/** Every tag that a client sees that follows Link; `between` runs after each page. */
const followed = async (first: string, between: (page: number) => Promise<void> = async () => undefined) => {
  const seen: string[] = [];
  let path: string | undefined = first;
  for (let page = 0; path !== undefined; page += 1) {
    const answer: WireAnswer = await wire.call('GET', path);
    expect(answer.status).toBe(200);
    seen.push(...tagsIn(answer));
    path = nextOf(answer);
    await between(page);
  }
  return seen;
};

describe('lists of tags', () => {
  test('a client that follows Link sees every tag that stays exactly once, while others come and go', async () => {
    const tag = fc.stringMatching(/^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,5}$/);
    const change = fc.record({
      add: fc.array(tag, { maxLength: 3 }),
      remove: fc.array(fc.nat(30), { maxLength: 3 }),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(tag, { minLength: 1, maxLength: 25 }),
        fc.integer({ min: 1, max: 7 }),
        fc.array(change, { maxLength: 6 }),
        async (tags, limit, changes) => {
          const repository = `follow/${randomUUID()}`;
          await tagDirectly(repository, tags);
          const touched = new Set<string>();
          const seen = await followed(`/v2/${repository}/tags/list?n=${limit}`, async (page) => {
            const { add, remove } = changes[page] ?? { add: [], remove: [] };
            for (const name of remove.flatMap((index) => tags[index] ?? [])) {
              touched.add(name);
              await wire.call('DELETE', `/v2/${repository}/manifests/${name}`);
            }
            for (const name of add) if (!tags.includes(name)) touched.add(name);
            await tagDirectly(
              repository,
              add.filter((name) => !tags.includes(name)),
            );
          });
          expect(seen).toEqual([...new Set(seen)].toSorted());
          expect(seen.filter((name) => !touched.has(name))).toEqual(
            tags.filter((name) => !touched.has(name)).toSorted(),
          );
        },
      ),
      { numRuns: 25 },
    );
  });

  test('a hundred thousand tags are listed whole and in pages', async () => {
    const tags = Array.from({ length: 100_000 }, (_, index) => `t${String(index).padStart(6, '0')}`);
    await tagDirectly('many/tags', tags);
    expect(tagsIn(await wire.call('GET', '/v2/many/tags/tags/list'))).toEqual(tags);
    const seen = await followed('/v2/many/tags/tags/list?n=10000');
    expect(seen).toEqual(tags);
    const late = await wire.call('GET', '/v2/many/tags/tags/list?n=3&last=t099990');
    expect([tagsIn(late), nextOf(late)]).toEqual([
      ['t099991', 't099992', 't099993'],
      expect.stringContaining('last=t099993'),
    ]);
    const absent = await wire.call('GET', '/v2/many/tags/tags/list?n=1&last=t000005-not-there');
    expect(tagsIn(absent)).toEqual(['t000006']);
    expect((await get('many/tags', 't077777')).status).toBe(200);
  }, 240_000);
});

describe('graphs of manifests', () => {
  test('an index two hundred indexes deep is pushed, pulled, and collected', async () => {
    let body = indexOf([]);
    const digests: string[] = [];
    for (let depth = 0; depth < 200; depth += 1) {
      expect((await put('deep/index', digestBy('sha256', body), body)).status).toBe(201);
      digests.push(digestBy('sha256', body));
      body = indexOf([entryOf(body)]);
    }
    expect((await put('deep/index', 'top', body)).status).toBe(201);
    await wire.registry.collect({ graceMs: 0 });
    for (const digest of [digests[0], digests[100], digests[199]])
      expect((await get('deep/index', digest ?? '')).status).toBe(200);
    expect((await wire.call('DELETE', '/v2/deep/index/manifests/top')).status).toBe(202);
    await wire.registry.collect({ graceMs: 0 });
    expect((await get('deep/index', 'top')).status).toBe(404);
  });

  test('indexes that list what lists them by subject come to an end', async () => {
    const [one, two] = [indexOf([]), indexOf([])];
    const about = (subject: string, listed: string): string =>
      JSON.stringify({
        schemaVersion: 2,
        mediaType: OCI_INDEX,
        manifests: [entryOf(listed)],
        subject: entryOf(subject),
      });
    const [first, second] = [about(one, two), about(two, one)];
    const closing = indexOf([entryOf(first), entryOf(second), entryOf(one)]);
    for (const body of [one, two, first, second])
      expect((await put('deep/cycle', digestBy('sha256', body), body)).status).toBe(201);
    expect((await put('deep/cycle', 'v1', closing)).status).toBe(201);
    await wire.registry.collect({ graceMs: 0 });
    for (const body of [one, first, second])
      expect((await get('deep/cycle', digestBy('sha256', body))).status).toBe(200);
    const referrers = await wire.call('GET', `/v2/deep/cycle/referrers/${digestBy('sha256', one)}`);
    expect((referrers.json as { manifests: unknown[] }).manifests).toHaveLength(1);
  });

  test('an index of 25,000 entries fits into a manifest, and is kept', async () => {
    const entries = Array.from({ length: 25_000 }, (_, index) => ({
      mediaType: OCI_IMAGE,
      digest: digestBy('sha256', String(index)),
      size: 1,
    }));
    const body = indexOf(entries);
    expect((await put('deep/wide', 'v1', body)).status).toBe(201);
    expect((await get('deep/wide', 'v1')).text).toBe(body);
  });
});

describe('what changes', () => {
  test('pushes of one tag at once end in one of them, whole', async () => {
    const bodies = Array.from({ length: 20 }, () => indexOf([]));
    const answers = await Promise.all(bodies.map((body) => put('race/tag', 'latest', body)));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([201]));
    const { text, headers } = await get('race/tag', 'latest');
    expect(bodies).toContain(text);
    expect(headers['docker-content-digest']).toBe(digestBy('sha256', text));
    for (const body of bodies) expect((await get('race/tag', digestBy('sha256', body))).text).toBe(body);
  });

  test('what is overwritten or deleted is gone with the answer, for every reader', async () => {
    const readers = async () =>
      new Set(await Promise.all(Array.from({ length: 8 }, async () => (await get('race/gone', 'v1')).text)));
    let before = '';
    for (let round = 0; round < 10; round += 1) {
      const body = indexOf([]);
      expect((await put('race/gone', 'v1', body)).status).toBe(201);
      expect(await readers()).toEqual(new Set([body]));
      before = body;
    }
    await wire.call('DELETE', `/v2/race/gone/manifests/${digestBy('sha256', before)}`);
    for (const target of ['v1', digestBy('sha256', before)])
      expect((await get('race/gone', target)).code).toBe('MANIFEST_UNKNOWN');
    expect((await put('race/gone', 'v1', before)).status).toBe(201);
    expect((await get('race/gone', 'v1')).text).toBe(before);
  });
});

describe('pushes with a condition', () => {
  const push = (body: string, headers: Readonly<Record<string, string>>, tag = 'v1') =>
    wire.call('PUT', `/v2/cond/x/manifests/${tag}`, {
      body,
      headers: { 'content-type': OCI_INDEX, ...headers },
    });
  const etagOf = (body: string): string => `"${digestBy('sha256', body)}"`;

  test('move a tag only from what it is expected to be', async () => {
    const [one, two, three] = [indexOf([]), indexOf([]), indexOf([])];
    expect((await push(one, { 'if-match': '*' })).status).toBe(412);
    expect((await push(one, { 'if-none-match': '*' })).status).toBe(201);
    const refused = await push(two, { 'if-none-match': '*' });
    expect([refused.status, refused.code]).toEqual([412, 'MANIFEST_INVALID']);
    expect((await push(two, { 'if-match': etagOf(three) })).status).toBe(412);
    expect((await get('cond/x', 'v1')).text).toBe(one);
    expect((await push(two, { 'if-match': etagOf(one) })).status).toBe(201);
    expect((await push(three, { 'if-none-match': etagOf(one) })).status).toBe(201);
    expect((await get('cond/x', 'v1')).text).toBe(three);
  });

  test('of many at once that expect the same exactly one succeeds', async () => {
    const first = indexOf([]);
    for (const [tag, headers] of [
      ['new', { 'if-none-match': '*' }],
      ['old', { 'if-match': etagOf(first) }],
    ] as const) {
      await put('cond/x', 'old', first);
      const bodies = Array.from({ length: 12 }, () => indexOf([]));
      const answers = await Promise.all(bodies.map((body) => push(body, headers, tag)));
      const won = answers.flatMap(({ status }, index) => (status === 201 ? [bodies[index]] : []));
      expect([won.length, new Set(answers.map(({ status }) => status))]).toEqual([1, new Set([201, 412])]);
      expect((await get('cond/x', tag)).text).toBe(won[0]);
    }
  });
});

describe('manifests', () => {
  test('of any media type are kept byte for byte', async () => {
    const value = fc.dictionary(fc.string({ maxLength: 10 }), fc.jsonValue({ maxDepth: 2 }), { maxKeys: 5 });
    const type = fc.stringMatching(/^application\/vnd\.[a-z0-9]{1,10}(?:\+json)?$/);
    await fc.assert(
      fc.asyncProperty(value, type, fc.constantFrom(0, 1, 4), async (members, mediaType, indent) => {
        const { mediaType: _, ...rest } = members;
        const body = JSON.stringify({ ...rest, mediaType }, undefined, indent);
        const pushed = await put('any/type', 'x', body, `${mediaType}; charset=utf-8`);
        expect([pushed.status, pushed.headers['docker-content-digest']]).toEqual([
          201,
          digestBy('sha256', body),
        ]);
        const got = await get('any/type', 'x');
        expect([got.headers['content-type'], got.body.equals(Buffer.from(body))]).toEqual([mediaType, true]);
      }),
      { numRuns: 50 },
    );
  });

  test('whatever is pushed is kept or refused by the specification', async () => {
    const body = fc.oneof(
      fc.json(),
      fc.string({ unit: 'binary' }),
      fc.uint8Array().map((all) => Buffer.from(all)),
    );
    const type = fc.constantFrom(
      OCI_IMAGE,
      OCI_INDEX,
      '',
      'application/json',
      'text/html',
      'application/vnd.docker.distribution.manifest.v1+json',
    );
    await fc.assert(
      fc.asyncProperty(body, type, async (content, mediaType) => {
        const answer = await wire.call('PUT', '/v2/any/body/manifests/x', {
          body: content,
          headers: { 'content-type': mediaType },
        });
        if (answer.status === 201)
          expect((await get('any/body', 'x')).body.equals(Buffer.from(content))).toBe(true);
        else expect([answer.status, answer.code]).toEqual([400, 'MANIFEST_INVALID']);
      }),
      { numRuns: 150 },
    );
    expect(wire.failures).toEqual([]);
  });
});

describe('uploads', () => {
  const begin = async (): Promise<string> =>
    String((await wire.call('POST', '/v2/up/x/blobs/uploads/')).headers.location);
  const patch = (at: string, content: string, range?: string) =>
    wire.call('PATCH', at, { body: content, headers: range === undefined ? {} : { 'content-range': range } });

  test('chunks of any sizes, right and wrong, end in the blob that was meant', async () => {
    const step = fc.record({
      skew: fc.constantFrom(0, 0, 0, -1, 1, 1000),
      size: fc.integer({ min: 1, max: 40 }),
      ranged: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 8 }),
        fc.string({ unit: 'grapheme-ascii', maxLength: 20 }),
        async (steps, tail) => {
          const at = await begin();
          let content = '';
          for (const { skew, size, ranged } of steps) {
            const chunk = 'x'.repeat(size);
            const start = content.length + skew;
            const good = !ranged || skew === 0;
            const answer =
              start < 0
                ? undefined
                : await patch(at, chunk, ranged ? `${start}-${start + size - 1}` : undefined);
            if (answer === undefined) continue;
            expect(answer.status).toBe(good ? 202 : 416);
            if (good) content += chunk;
            const status = await wire.call('GET', at);
            expect([status.status, status.headers.range]).toEqual([
              204,
              `0-${Math.max(0, content.length - 1)}`,
            ]);
          }
          const whole = content + tail;
          const digest = digestBy('sha256', whole);
          expect((await wire.call('PUT', `${at}?digest=${digest}`, { body: tail })).status).toBe(201);
          expect((await wire.call('GET', `/v2/up/x/blobs/${digest}`)).text).toBe(whole);
          for (const method of ['GET', 'PATCH', 'DELETE'])
            expect((await wire.call(method, at)).code).toBe('BLOB_UPLOAD_UNKNOWN');
        },
      ),
      { numRuns: 25 },
    );
  });

  test.each(['x', '1', '5-4', '0-', '-3', '0-3,4-5', 'bytes', '1e3-2'])(
    'Content-Range %j is refused',
    async (range) => {
      const at = await begin();
      const answer = await patch(at, 'abcd', range);
      expect([400, 416]).toContain(answer.status);
      expect((await wire.call('GET', at)).headers.range).toBe('0-0');
    },
  );
});

test('whatever is asked, the registry has no fault of its own', async () => {
  const digest = digestBy('sha256', 'x');
  const piece = fc.oneof(
    fc.constantFrom(
      'a',
      'b/c',
      digest,
      'latest',
      'sha256:x',
      'blobs',
      'uploads',
      'manifests',
      'tags',
      'list',
      'referrers',
      '_catalog',
      randomUUID(),
      '%',
      'x%2e%2e',
    ),
    fc.webSegment().filter((segment) => !/^(?:\.|%2e){1,2}$/i.test(segment)),
  );
  const query = fc.dictionary(
    fc.constantFrom('n', 'last', 'digest', 'mount', 'from', 'tag', 'artifactType', 'ns', 'digest-algorithm'),
    fc.oneof(fc.string(), fc.constantFrom(digest, '0', '99999999999', 'a', '-1')),
    { maxKeys: 4 },
  );
  const headers = fc.dictionary(
    fc.constantFrom(
      'range',
      'content-range',
      'if-none-match',
      'if-range',
      'content-type',
      'accept',
      'authorization',
    ),
    fc.stringMatching(/^[ -~]{0,30}$/),
    { maxKeys: 4 },
  );
  const request = fc.record({
    method: fc.constantFrom('GET', 'HEAD', 'PUT', 'POST', 'PATCH', 'DELETE', 'OPTIONS'),
    pieces: fc.array(piece, { maxLength: 5 }),
    query,
    headers,
    body: fc.string({ maxLength: 30 }),
  });
  await fc.assert(
    fc.asyncProperty(request, async ({ method, pieces, query: parameters, headers: sent, body }) => {
      const path = `/v2/${pieces.join('/')}?${new URLSearchParams(parameters).toString()}`;
      const content = ['PUT', 'POST', 'PATCH'].includes(method) ? body : undefined;
      const answer = await wire.call(method, path, { headers: sent, body: content });
      expect(answer.status).toBeLessThan(500);
      if (answer.status >= 400 && answer.status !== 416 && method !== 'HEAD')
        expect(answer.code).toMatch(/^[A-Z_]+$/);
    }),
    { numRuns: 600 },
  );
  expect(wire.failures).toEqual([]);
});
