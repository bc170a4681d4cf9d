import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { createHttpClient } from '#http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { digestBy, startWireRegistry, type WireAnswer, type WireRegistry } from './testing.ts';

const OCI_IMAGE = 'application/vnd.oci.image.manifest.v1+json';
const OCI_INDEX = 'application/vnd.oci.image.index.v1+json';
const DOCKER_IMAGE = 'application/vnd.docker.distribution.manifest.v2+json';
const EMPTY = 'application/vnd.oci.empty.v1+json';

let wire: WireRegistry;
beforeAll(async () => {
  wire = await startWireRegistry();
});
afterAll(() => wire[Symbol.asyncDispose]());

interface Extra {
  readonly mediaType?: string;
  readonly [key: string]: unknown;
}

const pushBlob = async (repository: string, content: string, mediaType: string) => ({
  mediaType,
  digest: await wire.blob(repository, content),
  size: content.length,
});

const image = async (repository: string, extra: Extra = {}): Promise<string> =>
  JSON.stringify({
    schemaVersion: 2,
    mediaType: OCI_IMAGE,
    config: await pushBlob(repository, '{}', 'application/vnd.oci.image.config.v1+json'),
    layers: [await pushBlob(repository, 'layer', 'application/vnd.oci.image.layer.v1.tar')],
    ...extra,
  });

const put = (repository: string, target: string, body: string, type = OCI_IMAGE): Promise<WireAnswer> =>
  wire.call('PUT', `/v2/${repository}/manifests/${target}`, { body, headers: { 'content-type': type } });

const get = (repository: string, target: string): Promise<WireAnswer> =>
  wire.call('GET', `/v2/${repository}/manifests/${target}`);

const referrersOf = (answer: WireAnswer) =>
  (answer.json as { manifests: Record<string, unknown>[] }).manifests;

describe.each(['sha256', 'sha512'] as const)('manifests by %s', (algorithm) => {
  test('are kept byte for byte, by digest and tags', async () => {
    const repository = `m/${algorithm}`;
    const body = `${await image(repository)}\n  `;
    const digest = digestBy(algorithm, body);
    const byDigest = await put(repository, digest, body);
    expect([byDigest.status, byDigest.headers['docker-content-digest'], byDigest.headers.location]).toEqual([
      201,
      digest,
      `/v2/${repository}/manifests/${digest}`,
    ]);
    for (const tag of ['b', 'a', 'latest']) {
      const query = await wire.call('PUT', `/v2/${repository}/manifests/${digest}?tag=${tag}`, {
        body,
        headers: { 'content-type': OCI_IMAGE },
      });
      expect([query.status, query.headers['oci-tag']]).toEqual([201, tag]);
    }
    for (const target of [digest, 'a', 'latest']) {
      for (const method of ['GET', 'HEAD']) {
        const answer = await wire.call(method, `/v2/${repository}/manifests/${target}`);
        expect(answer.status).toBe(200);
        expect(answer.headers).toMatchObject({
          'content-type': OCI_IMAGE,
          'content-length': String(body.length),
          'docker-content-digest': digest,
        });
        expect(answer.text).toBe(method === 'GET' ? body : '');
      }
    }
    expect((await wire.call('DELETE', `/v2/${repository}/manifests/a`)).status).toBe(202);
    expect((await get(repository, 'a')).code).toBe('MANIFEST_UNKNOWN');
    expect((await get(repository, 'b')).status).toBe(200);
    expect((await wire.call('DELETE', `/v2/${repository}/manifests/${digest}`)).status).toBe(202);
    for (const target of [digest, 'b', 'latest']) expect((await get(repository, target)).status).toBe(404);
    expect((await wire.call('GET', `/v2/${repository}/tags/list`)).json).toEqual({
      name: repository,
      tags: [],
    });
    expect((await wire.call('DELETE', `/v2/${repository}/manifests/${digest}`)).status).toBe(404);
  });
});

test('a large manifest of 3.9 MB is taken, one above the limit is 413', async () => {
  const annotations = (count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, i) => [`k${i}`, 'x'.repeat(10_000)]));
  const large = await image('m/large', { annotations: annotations(390) });
  expect((await put('m/large', 'large', large)).status).toBe(201);
  expect((await get('m/large', 'large')).text).toBe(large);
  const larger = await image('m/large', { annotations: annotations(430) });
  expect((await put('m/large', 'larger', larger)).status).toBe(413);
  await using client = createHttpClient();
  const chunks = Readable.from([larger.slice(0, 3_000_000), larger.slice(3_000_000)]);
  const url = `${wire.url}/v2/m/large/manifests/chunked`;
  const chunked = await client.request({ method: 'PUT', url, body: chunks });
  chunked.body.resume();
  expect(chunked.status).toBe(413);
});

test('indexes, nested, empty and sparse, and Docker schema 2', async () => {
  const body = await image('m/index');
  const child = { mediaType: OCI_IMAGE, digest: digestBy('sha256', body), size: body.length };
  await put('m/index', child.digest, body);
  const absent = { ...child, digest: digestBy('sha256', randomUUID()) };
  for (const [tag, manifests] of [
    ['full', [child]],
    ['empty', []],
    ['sparse', [child, absent]],
  ] as const) {
    const index = JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests });
    expect((await put('m/index', tag, index, OCI_INDEX)).status).toBe(201);
    expect((await get('m/index', tag)).headers['content-type']).toBe(OCI_INDEX);
  }
  const docker = await image('m/index', { mediaType: DOCKER_IMAGE });
  expect((await put('m/index', 'docker', docker, DOCKER_IMAGE)).status).toBe(201);
  expect((await get('m/index', 'docker')).headers['content-type']).toBe(DOCKER_IMAGE);
});

test('non-distributable layers, custom fields, embedded data and no layers are fine', async () => {
  const foreign = {
    mediaType: 'application/vnd.oci.image.layer.nondistributable.v1.tar+gzip',
    digest: digestBy('sha256', randomUUID()),
    size: 123,
    urls: ['https://layers.example/x'],
  };
  expect((await put('m/odd', 'foreign', await image('m/odd', { layers: [foreign] }))).status).toBe(201);
  expect((await put('m/odd', 'custom', await image('m/odd', { 'org.example': { a: 1 } }))).status).toBe(201);
  expect((await put('m/odd', 'none', await image('m/odd', { layers: [] }))).status).toBe(201);
});

test('errors carry the codes of the specification', async () => {
  const name = `m/errors`;
  const good = await image(name);
  const missing = JSON.stringify({
    ...(JSON.parse(good) as object),
    layers: [{ mediaType: 'x', digest: digestBy('sha256', randomUUID()), size: 1 }],
  });
  const cases: readonly (readonly [WireAnswer, number, string])[] = [
    [await get(name, 'nope'), 404, 'MANIFEST_UNKNOWN'],
    [await get(name, digestBy('sha256', randomUUID())), 404, 'MANIFEST_UNKNOWN'],
    [await get('m/nowhere', 'nope'), 404, 'NAME_UNKNOWN'],
    [await wire.call('GET', '/v2/m/nowhere/tags/list'), 404, 'NAME_UNKNOWN'],
    [await put(name, 'sha256:baddigeststring', good), 400, 'DIGEST_INVALID'],
    [await get(name, 'sha256:baddigeststring'), 400, 'DIGEST_INVALID'],
    [await put(name, digestBy('sha256', 'other'), good), 400, 'DIGEST_INVALID'],
    [await put(name, 'x', missing), 404, 'MANIFEST_BLOB_UNKNOWN'],
    [await put(name, 'x', 'not json'), 400, 'MANIFEST_INVALID'],
    [await put(name, 'x', '[]'), 400, 'MANIFEST_INVALID'],
    [
      await put(name, 'x', '{"schemaVersion":1}', 'application/vnd.docker.distribution.manifest.v1+json'),
      400,
      'MANIFEST_INVALID',
    ],
    [await put(name, 'x', good, OCI_INDEX), 400, 'MANIFEST_INVALID'],
    [await put('m/UPPER', 'x', good), 400, 'NAME_INVALID'],
  ];
  for (const [answer, status, code] of cases) expect([answer.status, answer.code]).toEqual([status, code]);
});

test('tags come sorted, in pages of n, after last', async () => {
  const body = await image('m/tags');
  const tags = ['B', 'a', 'b', 'c10', 'c9', 'Z_1', '0'];
  for (const tag of tags) await put('m/tags', tag, body);
  const sorted = tags.toSorted();
  const list = async (query: string) => {
    const answer = await wire.call('GET', `/v2/m/tags/tags/list${query}`);
    return { tags: (answer.json as { tags: string[] }).tags, link: answer.headers.link };
  };
  expect(await list('')).toEqual({ tags: sorted, link: undefined });
  expect(await list('?n=0')).toEqual({ tags: [], link: undefined });
  expect(await list(`?last=${sorted[2]}`)).toEqual({ tags: sorted.slice(3), link: undefined });
  const seen: string[] = [];
  let query: string | undefined = '?n=3';
  while (query !== undefined) {
    const page = await list(query);
    seen.push(...page.tags);
    query = /<.*(\?.*)>; rel="next"/.exec(String(page.link))?.[1];
  }
  expect(seen).toEqual(sorted);
  expect((await list('?n=7')).link).toBeUndefined();
  expect((await wire.call('GET', '/v2/m/tags/tags/list?n=x')).status).toBe(400);
});

test('the catalog lists repositories that have a manifest', async () => {
  await wire.blob('m/only-blob', 'x');
  await put('m/zz', 'x', await image('m/zz'));
  const answer = await wire.call('GET', '/v2/_catalog?n=1&last=m/tags');
  expect(answer.json).toEqual({ repositories: ['m/zz'] });
  const first = await wire.call('GET', '/v2/_catalog?n=1');
  expect(first.headers.link).toContain('rel="next"');
});

describe('referrers', () => {
  const subjectOf = (body: string) => ({
    mediaType: OCI_IMAGE,
    digest: digestBy('sha256', body),
    size: body.length,
  });

  test('are listed with type and annotations, filtered, before and after their subject is there', async () => {
    const subject = subjectOf(await image('r/a', { annotations: { unique: randomUUID() } }));
    const config = await pushBlob('r/a', '{}', EMPTY);
    const artifact = await image('r/a', {
      artifactType: 'application/x-sbom',
      config,
      subject,
      annotations: { a: '1' },
    });
    const byConfig = await image('r/a', { config: { ...config, mediaType: 'application/x-old' }, subject });
    const index = JSON.stringify({
      schemaVersion: 2,
      mediaType: OCI_INDEX,
      manifests: [],
      subject,
      annotations: { i: '2' },
    });
    const pushed = await put('r/a', digestBy('sha256', artifact), artifact);
    expect([pushed.status, pushed.headers['oci-subject']]).toEqual([201, subject.digest]);
    await put('r/a', 'tagged', byConfig);
    await put('r/a', digestBy('sha256', index), index, OCI_INDEX);

    const all = await wire.call('GET', `/v2/r/a/referrers/${subject.digest}`);
    expect([all.status, all.headers['content-type'], all.headers['oci-filters-applied']]).toEqual([
      200,
      OCI_INDEX,
      undefined,
    ]);
    expect(all.json).toMatchObject({ schemaVersion: 2, mediaType: OCI_INDEX });
    const entry = (body: string, rest: object) => ({
      digest: digestBy('sha256', body),
      size: body.length,
      ...rest,
    });
    const expected = [
      entry(artifact, { mediaType: OCI_IMAGE, artifactType: 'application/x-sbom', annotations: { a: '1' } }),
      entry(byConfig, { mediaType: OCI_IMAGE, artifactType: 'application/x-old' }),
      entry(index, { mediaType: OCI_INDEX, annotations: { i: '2' } }),
    ];
    expect(
      new Set(referrersOf(all).map((found) => JSON.stringify(found, Object.keys(found).toSorted()))),
    ).toEqual(new Set(expected.map((wanted) => JSON.stringify(wanted, Object.keys(wanted).toSorted()))));
    const filtered = await wire.call(
      'GET',
      `/v2/r/a/referrers/${subject.digest}?artifactType=application/x-sbom`,
    );
    expect(filtered.headers['oci-filters-applied']).toBe('artifactType');
    expect(referrersOf(filtered)).toMatchObject([{ digest: digestBy('sha256', artifact) }]);
    await wire.call('DELETE', `/v2/r/a/manifests/${digestBy('sha256', artifact)}`);
    expect(referrersOf(await wire.call('GET', `/v2/r/a/referrers/${subject.digest}`))).toHaveLength(2);
  });

  test('of nothing are an empty index, of no digest 400', async () => {
    const none = await wire.call('GET', `/v2/r/none/referrers/${digestBy('sha256', randomUUID())}`);
    expect([none.status, referrersOf(none)]).toEqual([200, []]);
    expect((await wire.call('GET', '/v2/r/none/referrers/sha256:bad')).status).toBe(400);
  });

  test('come in pages when they are many or large', async () => {
    const subject = subjectOf('{"large":1}');
    const config = await pushBlob('r/pages', '{}', EMPTY);
    const large = 'x'.repeat(1_200_000);
    for (let i = 0; i < 5; i += 1) {
      const body = await image('r/pages', { config, subject, annotations: { large, i: String(i) } });
      await put('r/pages', digestBy('sha256', body), body);
    }
    const seen: unknown[] = [];
    let path: string | undefined = `/v2/r/pages/referrers/${subject.digest}`;
    let pages = 0;
    while (path !== undefined) {
      const answer = await wire.call('GET', path);
      expect(answer.body.length).toBeLessThan(4 * 1024 * 1024);
      seen.push(...referrersOf(answer).map(({ digest }) => digest));
      path = /<(.*)>; rel="next"/.exec(String(answer.headers.link))?.[1];
      pages += 1;
    }
    expect([new Set(seen).size, seen.length]).toEqual([5, 5]);
    expect(pages).toBeGreaterThan(1);
  });
});
