import { afterAll, beforeAll, expect, test } from 'vitest';
import { digestBy, startWireRegistry, type WireRegistry } from '../registry/testing.ts';

const IMAGE = 'application/vnd.oci.image.manifest.v1+json';
const INDEX = 'application/vnd.oci.image.index.v1+json';
const CONFIG = 'application/vnd.oci.image.config.v1+json';
const LAYER = 'application/vnd.oci.image.layer.v1.tar';
const API = '/lade/v1/registry';

let wire: WireRegistry;
beforeAll(async () => {
  wire = await startWireRegistry();
});
afterAll(() => wire[Symbol.asyncDispose]());

interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

const put = async (repository: string, reference: string, manifest: object): Promise<Descriptor> => {
  const body = JSON.stringify(manifest);
  const mediaType = 'manifests' in manifest ? INDEX : IMAGE;
  const headers = { 'content-type': mediaType };
  const answer = await wire.call('PUT', `/v2/${repository}/manifests/${reference}`, { body, headers });
  expect(answer.status).toBe(201);
  return { mediaType, digest: String(answer.headers['docker-content-digest']), size: body.length };
};

const blobOf = async (repository: string, mediaType: string, content: string): Promise<Descriptor> => ({
  mediaType,
  digest: await wire.blob(repository, content),
  size: content.length,
});

interface ImageRequest {
  readonly layers: readonly string[];
  readonly architecture?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** Pushes an image whose layers are texts; answers its descriptor. */
const pushImage = async (
  repository: string,
  reference: string,
  { layers, architecture = 'amd64', labels = {}, annotations }: ImageRequest,
): Promise<Descriptor> => {
  const stored = [];
  for (const layer of layers) stored.push(await blobOf(repository, LAYER, layer));
  const diff_ids = layers.map((layer) => digestBy('sha256', layer));
  const config = {
    os: 'linux',
    architecture,
    created: '2026-01-02T03:04:05Z',
    config: { Labels: labels },
    rootfs: { type: 'layers', diff_ids },
  };
  return put(repository, reference, {
    schemaVersion: 2,
    mediaType: IMAGE,
    config: await blobOf(repository, CONFIG, JSON.stringify(config)),
    layers: stored,
    annotations,
  });
};

const get = async (path: string): Promise<unknown> => {
  await wire.storage.catalog.settled();
  const answer = await wire.call('GET', `${API}${path}`);
  expect([path, answer.status]).toEqual([path, 200]);
  return answer.json;
};

test('an image shows its platform, bytes and tags; an overwritten one stays visible without', async () => {
  const first = await pushImage('show/app', 'v1', { layers: ['one', 'two'] });
  const second = await pushImage('show/app', 'v1', { layers: ['one', 'three!'], architecture: 'arm64' });
  const tags = await get('/repositories/show%2Fapp/tags');
  expect(tags).toMatchObject({
    tags: [
      {
        name: 'v1',
        digest: second.digest,
        kind: 'image',
        platforms: [{ os: 'linux', architecture: 'arm64' }],
        createdMs: Date.parse('2026-01-02T03:04:05Z'),
      },
    ],
  });
  const { manifests } = (await get('/repositories/show%2Fapp/manifests')) as {
    manifests: { digest: string; tags: string[]; bytes: number }[];
  };
  expect(new Map(manifests.map(({ digest, tags: names }) => [digest, names]))).toEqual(
    new Map([
      [first.digest, []],
      [second.digest, ['v1']],
    ]),
  );
  const document = await wire.call('GET', `/v2/show/app/manifests/${first.digest}`);
  const { config } = document.json as { config: Descriptor };
  expect(manifests.find(({ digest }) => digest === first.digest)?.bytes).toBe(config.size + 6);
});

test('indexes, attestations, signatures and artifacts are shown as what they are, and by what they hang on', async () => {
  const image = await pushImage('kinds', 'plain', { layers: ['base', 'x'] });
  const empty = await blobOf('kinds', 'application/vnd.oci.empty.v1+json', '{}');
  const statement = await blobOf('kinds', 'application/vnd.in-toto+json', '{"predicate":1}');
  const attestation = await put('kinds', 'att', {
    schemaVersion: 2,
    mediaType: IMAGE,
    config: await blobOf('kinds', CONFIG, '{"architecture":"unknown","os":"unknown"}'),
    layers: [statement],
  });
  const index = await put('kinds', 'multi', {
    schemaVersion: 2,
    mediaType: INDEX,
    manifests: [{ ...image, platform: { os: 'linux', architecture: 'amd64' } }, attestation],
  });
  const signature = await put('kinds', 'sig', {
    schemaVersion: 2,
    mediaType: IMAGE,
    artifactType: 'application/vnd.dev.cosign.artifact.sig.v1+json',
    config: empty,
    layers: [empty],
    subject: index,
  });
  const artifact = await put('kinds', 'doc', {
    schemaVersion: 2,
    mediaType: IMAGE,
    artifactType: 'text/markdown',
    config: empty,
    layers: [empty],
    subject: index,
  });
  const { manifests } = (await get('/repositories/kinds/manifests')) as {
    manifests: { digest: string; kind: string; parents: string[]; subject?: string; referrers: number }[];
  };
  const shown = Object.fromEntries(manifests.map((entry) => [entry.digest, entry]));
  expect(Object.fromEntries(manifests.map(({ digest, kind }) => [digest, kind]))).toEqual({
    [image.digest]: 'image',
    [attestation.digest]: 'attestation',
    [index.digest]: 'index',
    [signature.digest]: 'signature',
    [artifact.digest]: 'artifact',
  });
  expect(shown[image.digest]?.parents).toEqual([index.digest]);
  expect(shown[signature.digest]?.subject).toBe(index.digest);
  expect(shown[index.digest]?.referrers).toBe(2);
  expect(await get('/repositories/kinds/manifests/multi')).toMatchObject({
    platforms: [{ digest: image.digest, architecture: 'amd64' }],
    referrers: [
      { artifactType: expect.any(String) as string },
      { artifactType: expect.any(String) as string },
    ],
  });
});

test('images are found by layer, by diff ID, by base, by label and by digest', async () => {
  const base = await pushImage('find/base', 'v1', { layers: ['os', 'libc'] });
  const child = await pushImage('find/child', 'v1', {
    layers: ['os', 'libc', 'app'],
    labels: { team: 'red' },
  });
  const other = await pushImage('find/other', 'v1', {
    layers: ['os', 'musl', 'app'],
    labels: { team: 'blue' },
    annotations: { 'org.opencontainers.image.base.digest': child.digest },
  });
  const places = async (query: string): Promise<readonly string[]> => {
    const { images } = (await get(`/search?${query}`)) as { images: { repository: string }[] };
    return images.map(({ repository }) => repository);
  };
  expect(await places(`layer=${digestBy('sha256', 'libc')}`)).toEqual(['find/base', 'find/child']);
  expect(await places('base=find/base:v1')).toEqual(['find/child']);
  expect(await places(`base=find/child@${child.digest}`)).toEqual(['find/other']);
  expect(await places('label=team')).toEqual(['find/child', 'find/other']);
  expect(await places('label=team%3Dblue')).toEqual(['find/other']);
  expect(await places(`digest=${other.digest}`)).toEqual(['find/other']);
  expect(await places(`digest=${base.digest}&n=1&last=zzz`)).toEqual([]);
  expect((await wire.call('GET', `${API}/search`)).status).toBe(400);
  expect((await wire.call('GET', `${API}/search?base=find/base:none`)).status).toBe(404);
});

test('descriptions come from people, else from the newest image; search finds them, and stars count', async () => {
  await pushImage('docs/tool', 'v1', {
    layers: ['tool'],
    labels: { 'org.opencontainers.image.description': 'Squeezes oranges' },
    annotations: { 'org.opencontainers.image.source': 'https://example.org/tool' },
  });
  expect(await get('/repositories/docs%2Ftool')).toMatchObject({
    description: 'Squeezes oranges',
    links: [{ title: 'Source', url: 'https://example.org/tool' }],
    starred: false,
  });
  const search = async (text: string): Promise<unknown> =>
    (await wire.call('GET', `/v1/search?q=${text}&n=25`)).json;
  expect(await search('orange')).toMatchObject({ num_results: 1, results: [{ name: 'docs/tool' }] });
  const body = JSON.stringify({ description: 'Presses lemons', readme: '# Tool\n' });
  const described = await wire.call('PUT', `${API}/repositories/docs%2Ftool/documentation`, { body });
  expect(described.json).toMatchObject({ description: 'Presses lemons', readme: '# Tool\n' });
  expect(await search('orange')).toMatchObject({ num_results: 0 });
  await wire.call('PUT', `${API}/repositories/docs%2Ftool/star`);
  await wire.call('PUT', `${API}/repositories/docs%2Ftool/star`);
  expect(await search('lemons')).toMatchObject({
    results: [{ star_count: 1, description: 'Presses lemons' }],
  });
  await wire.call('DELETE', `${API}/repositories/docs%2Ftool/star`);
  expect(await get('/repositories/docs%2Ftool')).toMatchObject({ stars: 0, starred: false });
  const hostile = JSON.stringify({ logo: 'javascript:alert(1)' });
  const refused = await wire.call('PUT', `${API}/repositories/docs%2Ftool/documentation`, { body: hostile });
  expect(refused.status).toBe(400);
});

test('lists come in pages', async () => {
  for (let i = 0; i < 5; i += 1) await pushImage(`pages/r${i}`, 't', { layers: [`p${i}`] });
  const seen: string[] = [];
  for (let last: string | undefined = ''; last !== undefined;) {
    const answer = (await get(`/repositories?q=pages/&n=2&last=${last}`)) as {
      repositories: { name: string }[];
      next?: string;
    };
    seen.push(...answer.repositories.map(({ name }) => name));
    last = answer.next;
  }
  expect(seen).toEqual(['pages/r0', 'pages/r1', 'pages/r2', 'pages/r3', 'pages/r4']);
});

test('what is no image of any kind is listed too', async () => {
  const nonsense = await blobOf('odd', CONFIG, 'not json at all');
  await put('odd', 'v1', { schemaVersion: 2, mediaType: IMAGE, config: nonsense, layers: [] });
  expect(await get('/repositories/odd/tags')).toMatchObject({ tags: [{ kind: 'image', platforms: [] }] });
});

test('sizes that are none, in a manifest of an unknown type, keep nobody else from being shown', async () => {
  const type = 'application/vnd.example.thing+json';
  for (const [tag, size] of Object.entries({ half: 1.5, negative: -1, huge: 9e15 })) {
    const layers = Array.from({ length: 1100 }, (_, index) => ({
      mediaType: type,
      digest: digestBy('sha256', `${tag} ${index}`),
      size,
    }));
    const body = JSON.stringify({ mediaType: type, layers });
    const headers = { 'content-type': type };
    expect((await wire.call('PUT', `/v2/odd/sizes/manifests/${tag}`, { body, headers })).status).toBe(201);
  }
  await pushImage('odd/after', 'v1', { layers: ['after'], architecture: 'riscv64' });
  expect(await get('/repositories/odd%2Fafter/tags')).toMatchObject({
    tags: [{ name: 'v1', kind: 'image', platforms: [{ os: 'linux', architecture: 'riscv64' }] }],
  });
});
