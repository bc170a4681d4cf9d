import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { MEDIA_TYPES, hostPlatform, type Descriptor } from '#oci';
import { makeScratch, openLibrary, type Opened, type Scratch } from './testing.ts';
import { startFakeRegistry, type FakeRegistry } from './testing/fake-registry.ts';
import { createImageKit, fakeSink, type MadeImage } from './testing/image-kit.ts';
import { startTakingRegistry } from './testing/taking-registry.ts';

let scratch: Scratch;
let registry: FakeRegistry;
let opened: Opened;
beforeEach(async () => {
  scratch = makeScratch();
  registry = await startFakeRegistry();
  opened = await openLibrary(join(scratch.path, 'root'));
});
afterEach(async () => {
  await opened[Symbol.asyncDispose]();
  await registry[Symbol.asyncDispose]();
  scratch[Symbol.dispose]();
});

const kit = (algorithm: 'sha256' | 'sha512' = 'sha256') =>
  createImageKit(fakeSink(registry, 'app'), algorithm);
const reference = (tag = '1'): string => `${registry.host}/app:${tag}`;
const host = hostPlatform();
const other = { os: 'linux', architecture: host.architecture === 's390x' ? 'ppc64le' : 's390x' };
const windows = { os: 'windows', architecture: 'amd64', osVersion: '10.0.20348.1' };
const on = (descriptor: Descriptor, platform: Descriptor['platform']): Descriptor => ({
  ...descriptor,
  platform,
});

interface Whole {
  readonly own: MadeImage;
  readonly foreign: MadeImage;
  readonly index: Descriptor;
  readonly attestation: Descriptor;
}

/** An index of two platforms with an attestation. */
const putIndex = async (algorithm: 'sha256' | 'sha512' = 'sha256', tag = '1'): Promise<Whole> => {
  const { image, index, attestation } = kit(algorithm);
  const own = await image({ platform: host, layers: [{ shared: 'x' }, { own: tag }] });
  const foreign = await image({
    platform: other,
    layers: [{ shared: 'x' }, { foreign: tag }],
    packing: 'zstd',
  });
  const attested = await attestation(own.descriptor);
  const entries = [on(foreign.descriptor, other), attested, on(own.descriptor, host)];
  const { descriptor } = await index(entries, { tags: [tag] });
  return { own, foreign, index: descriptor, attestation: attested };
};

describe.each(['sha256', 'sha512'] as const)('an index of %s, pulled whole', (algorithm) => {
  test('keeps all; its name means the image of this machine; the others are chosen by platform', async () => {
    const { own, foreign, index, attestation } = await putIndex(algorithm);
    const view = await opened.library.pull({ reference: reference(), allPlatforms: true });
    expect(view.id).toBe(own.id);
    expect(view.record.unpacked).toBe(true);
    expect(view.repoDigests).toEqual([`${registry.host}/app@${index.digest}`]);
    const there = [
      index,
      own.descriptor,
      foreign.descriptor,
      attestation,
      ...foreign.layers.map((l) => l.descriptor),
    ];
    for (const { digest, size } of there) expect(opened.store.blobs.stat(digest)).toEqual({ digest, size });
    const arm = opened.library.resolve(reference(), { platform: `${other.os}/${other.architecture}` });
    expect(arm.id).toBe(foreign.id);
    expect(arm.record.unpacked).toBe(false);
    expect(() => opened.library.resolve(reference(), { platform: 'linux/riscv64' })).toThrow(
      /does not match the specified platform/,
    );
    expect(opened.library.list().map((row) => row.Id)).toEqual([own.id]);
    expect(opened.library.list({ all: true, filters: { dangling: ['true'] } })).toEqual([]);
    expect((await opened.library.prune()).removed).toEqual([]);
    expect(opened.library.resolve(foreign.id).id).toBe(foreign.id);
    for (const member of [own, foreign]) {
      expect(opened.library.resolve(`${registry.host}/app@${member.descriptor.digest}`).id).toBe(member.id);
    }
    for (const name of [
      `${registry.host}/ap@${own.descriptor.digest}`,
      `${registry.host}/app@${attestation.digest}`,
    ])
      expect(() => opened.library.resolve(name)).toThrow('No such image');
  });

  test('goes whole with its last name', async () => {
    const { own, foreign } = await putIndex(algorithm);
    await opened.library.pull({ reference: reference(), allPlatforms: true });
    await opened.library.tag(reference(), 'copy:1');
    await opened.library.remove(reference());
    expect(opened.store.images.list()).toHaveLength(2);
    const removed = await opened.library.remove('copy:1');
    expect(removed).toEqual(expect.arrayContaining([{ deleted: own.id }, { deleted: foreign.id }]));
    expect(opened.events.filter(({ action }) => action === 'delete').map(({ id }) => id)).toEqual([
      own.id,
      foreign.id,
    ]);
    await opened.library.collect();
    expect(opened.store.images.list()).toEqual([]);
    expect(opened.store.blobs.list()).toEqual([]);
    expect(opened.layers.list()).toEqual([]);
  });

  test('a platform is unpacked when it is needed, from what is stored', async () => {
    const { foreign } = await putIndex(algorithm);
    await opened.library.pull({ reference: reference(), allPlatforms: true });
    await registry[Symbol.asyncDispose]();
    const platform = `${other.os}/${other.architecture}`;
    const [view] = await Promise.all([
      opened.library.prepare(reference(), { platform }),
      opened.library.prepare(foreign.id),
    ]);
    expect(view.record).toMatchObject({ id: foreign.id, unpacked: true });
    const sizes = view.config.rootfs.diffIds.map((diffId) => opened.layers.info(diffId)?.size);
    expect(view.record.layerSizes).toEqual(sizes);
    registry = await startFakeRegistry();
    await opened.library.prune({ all: true });
    expect(opened.store.images.list()).toEqual([]);
  });
});

describe('platforms', () => {
  test('pulled one after the other share the index; none of them dangles', async () => {
    const { own, foreign } = await putIndex();
    await opened.library.pull({ reference: reference() });
    const platform = `${other.os}/${other.architecture}`;
    const second = await opened.library.pull({ reference: reference(), platform });
    expect(second.id).toBe(foreign.id);
    expect(opened.library.list({ all: true }).map((row) => row.Id)).toEqual([foreign.id]);
    const first = `${host.os}/${host.architecture}`;
    expect(opened.library.resolve(reference(), { platform: first }).id).toBe(own.id);
  });

  test('an attestation is never chosen, nor offered, nor in the way of a manifest without platform', async () => {
    const { image, index, attestation } = kit();
    const own = await image({ platform: host });
    const attested = await attestation(own.descriptor);
    await index([attested, own.descriptor], { tags: ['bare'] });
    expect((await opened.library.pull({ reference: reference('bare') })).id).toBe(own.id);
    await index([attested, on(own.descriptor, other)], { tags: ['foreign'] });
    await expect(opened.library.pull({ reference: reference('foreign') })).rejects.toThrow(
      `no matching manifest for ${host.os}/${host.architecture} in the manifest list entries (it has linux/${other.architecture})`,
    );
    await index([attested], { tags: ['only'] });
    await expect(opened.library.pull({ reference: reference('only') })).rejects.toThrow('(it has none)');
  });

  test('indexes within indexes are followed, to a limit', async () => {
    const { image, index } = kit();
    const own = await image({ platform: host });
    let inner = (await index([on(own.descriptor, host)])).descriptor;
    inner = (await index([on(inner, host)], { tags: ['two'] })).descriptor;
    expect((await opened.library.pull({ reference: reference('two'), allPlatforms: true })).id).toBe(own.id);
    for (let depth = 0; depth < 5; depth += 1)
      inner = (await index([on(inner, host)], { tags: ['deep'] })).descriptor;
    await expect(opened.library.pull({ reference: reference('deep') })).rejects.toMatchObject({
      kind: 'unsupported',
      message: expect.stringContaining('deeper than can be followed') as string,
    });
    await expect(
      opened.library.pull({ reference: reference('deep'), allPlatforms: true }),
    ).rejects.toMatchObject({ kind: 'unsupported' });
  });

  test('an entry that the registry does not have fails the whole pull and leaves nothing', async () => {
    const { index } = await putIndex();
    const missing = { ...index, digest: `sha256:${'1'.repeat(64)}` as Descriptor['digest'], size: 7 };
    await kit().index([on({ ...missing, mediaType: MEDIA_TYPES.ociManifest }, other)], { tags: ['holed'] });
    await expect(
      opened.library.pull({ reference: reference('holed'), allPlatforms: true }),
    ).rejects.toMatchObject({ kind: 'not-found' });
    expect(opened.store.blobs.list()).toEqual([]);
  });
});

test('an index that names more than anybody has is refused before it is fetched', async () => {
  const entry = (at: number): Descriptor => ({
    mediaType: MEDIA_TYPES.ociManifest,
    digest: `sha256:${at.toString(16).padStart(64, '0')}` as Descriptor['digest'],
    size: 500,
  });
  await kit().index(
    Array.from({ length: 2001 }, (_, at) => entry(at)),
    { tags: ['many'] },
  );
  await kit().index([{ ...entry(1), size: 2 ** 40 }], { tags: ['huge'] });
  for (const tag of ['many', 'huge']) {
    await expect(
      opened.library.pull({ reference: reference(tag), allPlatforms: true }),
    ).rejects.toMatchObject({ kind: 'unsupported', code: 'LIBRARY_INDEX_TOO_LARGE' });
  }
  expect(registry.requests).toEqual([]);
});

describe('images of Windows', () => {
  const layer = { mediaType: MEDIA_TYPES.dockerForeignLayer };

  test('can be pulled, inspected, tagged; not run', async () => {
    const { image } = kit();
    const made = await image({ platform: windows, kind: 'docker', tags: ['1'] });
    const view = await opened.library.pull({ reference: reference(), platform: 'windows/amd64' });
    expect(view.id).toBe(made.id);
    expect(opened.library.inspect(reference())).toMatchObject({
      Os: 'windows',
      OsVersion: windows.osVersion,
    });
    expect(opened.layers.list()).toEqual([]);
    await opened.library.tag(reference(), 'win:1');
    await expect(opened.library.prepare('win:1')).rejects.toMatchObject({
      kind: 'unsupported',
      message: 'win:1 is an image for windows/amd64, which does not run on Linux',
    });
  });

  test('the version asked for is the one that comes', async () => {
    const { image, index } = kit();
    const versions = ['10.0.17763.1', '10.0.20348.1', '10.0.20348.2'];
    const made = await Promise.all(
      versions.map((osVersion) => image({ platform: { ...windows, osVersion }, layers: [{ osVersion }] })),
    );
    const entries = made.map(({ descriptor }, at) => on(descriptor, { ...windows, osVersion: versions[at] }));
    await index(entries, { tags: ['1'] });
    const pull = async (platform: string) =>
      (await opened.library.pull({ reference: reference(), platform })).id;
    expect(await pull('windows/amd64')).toBe(made[0]?.id);
    expect(await pull('windows(10.0.20348)/amd64')).toBe(made[1]?.id);
    expect(await pull('windows(10.0.20348.2)/amd64')).toBe(made[2]?.id);
  });

  test('layers that the registry lacks come from their addresses, without credentials, and are verified', async () => {
    await using elsewhere = await startFakeRegistry();
    const urls = [`ftp://example.com/x`, `http://${elsewhere.host}/gone`];
    const first = await kit().image({ platform: windows, withoutLayers: true, layer });
    const [{ descriptor, bytes } = { descriptor: first.descriptor, bytes: Buffer.of() }] = first.layers;
    await kit().image({
      platform: windows,
      withoutLayers: true,
      layer: { ...layer, urls: [...urls, `http://${elsewhere.host}/files/${descriptor.digest}`] },
      tags: ['1'],
    });
    await expect(opened.library.pull({ reference: reference() })).rejects.toMatchObject({
      kind: 'not-found',
    });
    elsewhere.blobs.set(descriptor.digest, Buffer.from(bytes.toReversed()));
    await expect(opened.library.pull({ reference: reference() })).rejects.toMatchObject({ kind: 'corrupt' });
    expect(opened.store.blobs.list()).toEqual([]);
    elsewhere.blobs.set(descriptor.digest, bytes);
    await opened.library.pull({ reference: reference() });
    expect(await opened.store.blobs.read(descriptor.digest)).toEqual(bytes);
  });
});

describe('artifacts', () => {
  test('are kept as they are under the digest of their manifest, and go again', async () => {
    const made = await kit().artifact({ artifactType: 'application/x-chart', content: 'chart', tags: ['1'] });
    const second = await kit().artifact({ artifactType: 'application/x-chart', content: 'two', tags: ['2'] });
    const view = await opened.library.pull({ reference: reference() });
    await opened.library.pull({ reference: reference('2') });
    expect(view.id).toBe(made.descriptor.digest);
    expect(view.record).toMatchObject({ kind: 'artifact', size: 7, diffIds: [] });
    expect(await opened.store.blobs.read(made.descriptor.digest)).toEqual(made.bytes);
    expect(opened.library.inspect(reference())).toMatchObject({ Id: made.descriptor.digest, Os: 'unknown' });
    expect(
      opened.library
        .list()
        .map((row) => row.Id)
        .toSorted(),
    ).toEqual([made.descriptor.digest, second.descriptor.digest].toSorted());
    expect(opened.library.history(reference())).toEqual([]);
    await expect(opened.library.prepare(reference())).rejects.toMatchObject({
      kind: 'unsupported',
      message: expect.stringContaining('is an artifact') as string,
    });
    await opened.library.remove(reference());
    await opened.library.remove(reference('2'));
    await opened.library.collect();
    expect(opened.store.blobs.list()).toEqual([]);
  });

  test('what borrows the media type of configurations but has no layers is one', async () => {
    await kit().artifact({
      artifactType: 'application/x-sig',
      configType: MEDIA_TYPES.ociConfig,
      content: 'signature',
      tags: ['sig'],
    });
    expect((await opened.library.pull({ reference: reference('sig') })).record.kind).toBe('artifact');
  });

  test('an index of nothing else is one, too', async () => {
    const { artifact, index } = kit();
    const first = await artifact({ artifactType: 'application/x-a', content: 'a' });
    const { descriptor } = await index([{ ...first.descriptor, artifactType: 'application/x-a' }], {
      tags: ['1'],
    });
    const view = await opened.library.pull({ reference: reference(), allPlatforms: true });
    expect(view.record).toMatchObject({ kind: 'artifact', id: descriptor.digest });
    await opened.library.collect();
    expect(opened.store.blobs.stat(first.descriptor.digest)).toBeDefined();
  });

  test.each([true, false])('referrers come with all platforms (referrers API: %s)', async (api) => {
    const { own, index } = await putIndex();
    const { artifact, index: putList } = kit();
    const signature = await artifact({
      artifactType: 'application/x-sig',
      content: 's',
      subject: own.descriptor,
    });
    const bill = await artifact({ artifactType: 'application/x-sbom', content: 'b', subject: index });
    const about = await artifact({
      artifactType: 'application/x-sig',
      content: 'c',
      subject: bill.descriptor,
    });
    const lists: readonly (readonly [Descriptor, Descriptor])[] = [
      [own.descriptor, signature.descriptor],
      [index, bill.descriptor],
      [bill.descriptor, about.descriptor],
    ];
    if (api) registry.referrers = new Map(lists.map(([subject, entry]) => [subject.digest, [entry]]));
    else
      for (const [subject, entry] of lists)
        await putList([entry], { tags: [subject.digest.replace(':', '-')] });
    await opened.library.pull({ reference: reference(), allPlatforms: true });
    const members = opened.store.images.target(index.digest)?.members ?? [];
    const subjects = new Map(members.map((member) => [member.manifest.digest, member.subject]));
    for (const [subject, entry] of lists) {
      expect(subjects.get(entry.digest)).toBe(subject.digest);
      expect(opened.store.blobs.stat(entry.digest)).toBeDefined();
    }
    expect(opened.library.list({ all: true })).toHaveLength(1);
  });
});

test('referrers that are gone, no manifests, or about something else are left out', async () => {
  const { index } = await putIndex();
  const { artifact } = kit();
  const good = await artifact({ artifactType: 'application/x-s', content: 'g', subject: index });
  const stray = await artifact({ artifactType: 'application/x-s', content: 'b' });
  const gone = { ...good.descriptor, digest: `sha256:${'3'.repeat(64)}` as Descriptor['digest'] };
  const odd = { ...stray.descriptor, mediaType: 'application/vnd.oci.artifact.manifest.v1+json' };
  registry.referrers = new Map([[index.digest, [gone, odd, stray.descriptor, good.descriptor]]]);
  await opened.library.pull({ reference: reference(), allPlatforms: true }, opened.emit);
  const kinds = opened.store.images.target(index.digest)?.members.filter(({ kind }) => kind === 'artifact');
  expect(kinds?.map(({ manifest }) => manifest.digest)).toEqual([good.descriptor.digest]);
  expect(JSON.stringify(opened.progress).match(/Left out/g)).toHaveLength(2);
});

describe('forms', () => {
  test.each([
    ['oci', 'gzip'],
    ['oci', 'zstd'],
    ['oci', 'none'],
    ['docker', 'gzip'],
    ['docker', 'none'],
    ['docker', 'zstd'],
  ] as const)('%s with layers packed by %s', async (kind, packing) => {
    const made = await kit().image({ platform: host, kind, packing, tags: ['1'] });
    const view = await opened.library.pull({ reference: reference() });
    expect(view.id).toBe(made.id);
    expect(await opened.store.blobs.read(made.descriptor.digest)).toEqual(made.bytes);
    await using target = await startTakingRegistry();
    await opened.library.tag(reference(), `${target.host}/app:1`);
    await opened.library.push({ reference: `${target.host}/app:1` });
    expect(target.manifests.get('1')).toEqual(made.bytes);
    for (const { descriptor, bytes } of made.layers)
      expect(target.blobs.get(descriptor.digest)).toEqual(bytes);
  });

  test('content in a descriptor is taken instead of being fetched', async () => {
    const { image, index } = kit();
    const made = await image({ platform: host });
    const data = made.bytes;
    await index([{ ...on(made.descriptor, host), data }], { tags: ['1'] });
    registry.manifests.delete(`app:${made.descriptor.digest}`);
    expect((await opened.library.pull({ reference: reference() })).id).toBe(made.id);
  });

  test('so is that of configurations and layers', async () => {
    const made = await kit().image({ platform: host, layers: [{ small: 'x' }] });
    const bytes = made.bytes.toString();
    const withData = bytes.replaceAll(
      /"digest":"(sha256:[0-9a-f]+)","size":\d+/g,
      (whole, digest: string) => {
        const data = registry.blobs.get(digest)?.toString('base64') ?? '';
        registry.blobs.delete(digest);
        return `${whole},"data":"${data}"`;
      },
    );
    await kit().putManifest(Buffer.from(withData), MEDIA_TYPES.ociManifest, ['1']);
    expect((await opened.library.pull({ reference: reference() })).record.unpacked).toBe(true);
    expect(registry.requests).toEqual([]);
  });

  test('layers of Linux that lie elsewhere are fetched and unpacked', async () => {
    await using elsewhere = await startFakeRegistry();
    const mediaType = 'application/vnd.oci.image.layer.nondistributable.v1.tar+gzip';
    const first = await kit().image({ platform: host, withoutLayers: true });
    const [{ descriptor, bytes } = { descriptor: first.descriptor, bytes: Buffer.of() }] = first.layers;
    elsewhere.blobs.set(descriptor.digest, bytes);
    const urls = [`http://${elsewhere.host}/${descriptor.digest}`];
    await kit().image({ platform: host, withoutLayers: true, layer: { mediaType, urls }, tags: ['1'] });
    expect((await opened.library.pull({ reference: reference() })).record.unpacked).toBe(true);
  });

  test('content in a descriptor that is not what it says is refused', async () => {
    const { image, putManifest } = kit();
    const made = await image({ platform: host });
    const entry = { ...made.descriptor, data: Buffer.from('other').toString('base64') };
    const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, manifests: [entry] }));
    await putManifest(bytes, MEDIA_TYPES.ociIndex, ['1']);
    await expect(opened.library.pull({ reference: reference() })).rejects.toThrow(/data is not what/);
  });

  test('an entry that says to be something else than it is is refused', async () => {
    const { image, index } = kit();
    const made = await image({ platform: host });
    for (const mediaType of [MEDIA_TYPES.dockerManifest, MEDIA_TYPES.ociIndex]) {
      await index([{ ...on(made.descriptor, host), mediaType }], { tags: ['1'] });
      for (const allPlatforms of [true, false]) {
        await expect(opened.library.pull({ reference: reference(), allPlatforms })).rejects.toThrow(
          `it says that it is ${MEDIA_TYPES.ociManifest} but was delivered as ${mediaType}`,
        );
      }
    }
    expect(opened.store.blobs.list()).toEqual([]);
  });

  test('layers that are no tar are refused in an image', async () => {
    const mediaType = 'application/vnd.oci.image.layer.v1.tar+encrypted';
    await kit().image({ platform: host, layer: { mediaType }, tags: ['1'] });
    await expect(opened.library.pull({ reference: reference() })).rejects.toMatchObject({
      kind: 'unsupported',
    });
  });

  const body = { schemaVersion: 1, name: 'app', tag: '1', fsLayers: [], history: [] };
  const signed = { ...body, signatures: [{ protected: 'e30' }] };
  test.each([
    [MEDIA_TYPES.dockerSchema1, body],
    [MEDIA_TYPES.dockerSchema1Signed, signed],
    ['application/json', body],
  ])('schema 1 as %s is refused with what to do', async (mediaType, content) => {
    const bytes = Buffer.from(JSON.stringify(content));
    const digest = `sha256:${'2'.repeat(64)}`;
    const stated = mediaType === MEDIA_TYPES.dockerSchema1Signed ? { digest } : {};
    registry.manifests.set('app:1', { bytes, mediaType, ...stated });
    await expect(opened.library.pull({ reference: reference() })).rejects.toMatchObject({
      kind: 'unsupported',
      message: expect.stringContaining('Docker schema 1') as string,
      hint: expect.stringContaining('skopeo copy') as string,
    });
  });
});

describe('pushing', () => {
  const moved = async (target: { readonly host: string }, name = 'app:1'): Promise<string> => {
    await opened.library.pull({ reference: reference(), allPlatforms: true });
    await opened.library.tag(reference(), `${target.host}/${name}`);
    return `${target.host}/${name}`;
  };

  test('puts blobs before manifests, manifests before their index, subjects before what is about them', async () => {
    await using target = await startTakingRegistry();
    const { own, foreign, index, attestation } = await putIndex();
    const { artifact } = kit();
    const bill = await artifact({ artifactType: 'application/x-sbom', content: 'b', subject: index });
    const about = await artifact({
      artifactType: 'application/x-sig',
      content: 'c',
      subject: bill.descriptor,
    });
    registry.referrers = new Map([
      [index.digest, [bill.descriptor]],
      [bill.descriptor.digest, [about.descriptor]],
    ]);
    const name = await moved(target);
    const { digest } = await opened.library.push({ reference: name });
    expect(digest).toBe(index.digest);
    expect(target.order.slice(0, 3).toSorted()).toEqual(
      [own.descriptor.digest, foreign.descriptor.digest, attestation.digest].toSorted(),
    );
    expect(target.order.slice(3)).toEqual(['1', bill.descriptor.digest, about.descriptor.digest]);
    expect(target.manifests.get('1')).toEqual(await opened.store.blobs.read(index.digest));
  });

  test('one platform goes with what is about it, when that was pulled, too', async () => {
    await using target = await startTakingRegistry();
    const { own, foreign, index } = await putIndex();
    const { artifact } = kit();
    const signature = await artifact({
      artifactType: 'application/x-s',
      content: 's',
      subject: own.descriptor,
    });
    const about = await artifact({
      artifactType: 'application/x-s',
      content: 'a',
      subject: signature.descriptor,
    });
    const whole = await artifact({ artifactType: 'application/x-s', content: 'w', subject: index });
    const stray = await artifact({
      artifactType: 'application/x-s',
      content: 'f',
      subject: foreign.descriptor,
    });
    registry.referrers = new Map([
      [own.descriptor.digest, [signature.descriptor]],
      [signature.descriptor.digest, [about.descriptor]],
      [index.digest, [whole.descriptor]],
      [foreign.descriptor.digest, [stray.descriptor]],
    ]);
    await opened.library.pull({ reference: reference(), referrers: true });
    expect(opened.store.blobs.stat(whole.descriptor.digest)).toBeDefined();
    for (const { digest } of [foreign.descriptor, stray.descriptor])
      expect(opened.store.blobs.stat(digest)).toBeUndefined();
    await opened.library.tag(reference(), `${target.host}/app:1`);
    await opened.library.push({ reference: `${target.host}/app:1` });
    expect(target.order).toEqual(['1', signature.descriptor.digest, about.descriptor.digest]);
    expect(target.manifests.get('1')).toEqual(own.bytes);
  });

  test('layers that lie elsewhere go to a registry that asks for them', async () => {
    await using target = await startTakingRegistry();
    const layer = { mediaType: MEDIA_TYPES.dockerForeignLayer, urls: ['http://127.0.0.1:1/none'] };
    const made = await kit().image({ platform: windows, layer, tags: ['1'] });
    const name = await moved(target);
    await opened.library.push({ reference: name });
    expect(target.manifests.get('1')).toEqual(made.bytes);
    expect(target.blobs.has(made.layers[0]?.descriptor.digest ?? '')).toBe(true);
  });

  test('an index is pushed whole where the registry has what the store let go of', async () => {
    await using target = await startTakingRegistry();
    const { foreign, index } = await putIndex();
    const name = await moved(target);
    const [layer] = foreign.layers;
    if (layer === undefined) throw new Error('no layer');
    target.blobs.set(layer.descriptor.digest, layer.bytes);
    await opened.store.images.remove(foreign.id);
    await opened.store.collect();
    expect(
      opened.store.blobs.stat(foreign.layers[1]?.descriptor.digest ?? layer.descriptor.digest),
    ).toBeUndefined();
    await opened.library.push({ reference: name }, opened.emit);
    expect(target.order).toEqual(['1']);
    expect(JSON.stringify(opened.progress)).toContain('pull with --all-platforms');
    expect(target.manifests.get('1')).not.toEqual(await opened.store.blobs.read(index.digest));
    for (const one of foreign.layers) target.blobs.set(one.descriptor.digest, one.bytes);
    target.blobs.set(foreign.id, Buffer.of());
    await opened.library.push({ reference: name });
    expect(target.manifests.get('1')).toEqual(await opened.store.blobs.read(index.digest));
  });
});

/** An index of images, attestations, artifacts and indexes, some of them signed. */
type Plan = readonly (
  | { readonly kind: 'image'; readonly platform: number; readonly docker: boolean }
  | { readonly kind: 'attested' | 'artifact' | 'signed'; readonly text: string }
  | { readonly kind: 'index'; readonly plan: Plan }
)[];

const plans = fc.letrec<{ plan: Plan; item: Plan[number] }>((tie) => ({
  plan: fc.array(tie('item'), { minLength: 1, maxLength: 4 }),
  item: fc.oneof(
    { maxDepth: 2, depthIdentifier: 'plan' },
    fc.record({
      kind: fc.constant('image' as const),
      platform: fc.nat({ max: 3 }),
      docker: fc.boolean(),
    }),
    fc.record({
      kind: fc.constantFrom('attested' as const, 'artifact' as const, 'signed' as const),
      text: fc.constantFrom('x', 'y', 'z'),
    }),
    fc.record({ kind: fc.constant('index' as const), plan: tie('plan') }),
  ),
}));

const PLATFORMS = [host, other, windows, { os: 'linux', architecture: 'riscv64' }];

describe('any index', () => {
  /** Stores what a plan says, and notes every manifest. */
  const putPlan = async (
    plan: Plan,
    made: Map<string, Buffer>,
    tags: readonly string[],
  ): Promise<Descriptor> => {
    const { image, artifact, attestation, index } = kit();
    const entries: Descriptor[] = [];
    const note = <M extends { descriptor: Descriptor; bytes: Buffer }>(one: M): M => {
      made.set(one.descriptor.digest, one.bytes);
      return one;
    };
    for (const item of plan) {
      if (item.kind === 'image') {
        const platform = PLATFORMS[item.platform];
        const layers = [{ shared: 'x' }, { own: String(item.platform) }];
        const one = note(await image({ platform, layers, kind: item.docker ? 'docker' : 'oci' }));
        entries.push(on(one.descriptor, platform));
      } else if (item.kind === 'index') entries.push(await putPlan(item.plan, made, []));
      else if (item.kind === 'attested') {
        const about = note(await image({ platform: other, layers: [{ attested: item.text }] }));
        const attested = await attestation(about.descriptor);
        const bytes = registry.manifests.get(`app:${attested.digest}`)?.bytes ?? Buffer.of();
        made.set(attested.digest, bytes);
        entries.push(on(about.descriptor, other), attested);
      } else {
        const { descriptor } = note(await artifact({ artifactType: 'application/x-a', content: item.text }));
        entries.push(descriptor);
        if (item.kind === 'artifact') continue;
        const signature = note(
          await artifact({ artifactType: 'application/x-s', content: 's', subject: descriptor }),
        );
        const known = registry.referrers?.get(descriptor.digest) ?? [];
        registry.referrers?.set(descriptor.digest, [...known, signature.descriptor]);
      }
    }
    return note(await index(entries, { tags })).descriptor;
  };

  test('goes through the machine byte for byte, and leaves nothing when it is removed', async () => {
    let round = 0;
    await fc.assert(
      fc.asyncProperty(plans.plan, async (plan) => {
        registry.referrers = new Map();
        registry.manifests.clear();
        const made = new Map<string, Buffer>();
        await putPlan(plan, made, ['1']);
        await using target = await startTakingRegistry();
        const name = `${target.host}/round-${(round += 1)}:1`;
        await opened.library.pull({ reference: reference(), allPlatforms: true });
        await opened.library.tag(reference(), name);
        await opened.library.remove(reference());
        await opened.library.collect();
        await opened.library.push({ reference: name });
        for (const [digest, bytes] of made) expect(target.manifests.get(digest)).toEqual(bytes);
        expect(opened.library.list({ all: true })).toHaveLength(1);
        await opened.library.remove(name);
        await opened.library.collect();
        expect(opened.store.images.list()).toEqual([]);
        expect(opened.store.blobs.list()).toEqual([]);
        expect(opened.layers.list()).toEqual([]);
      }),
      { numRuns: 12 },
    );
  });
});

describe.each(['sha256', 'sha512'] as const)('every way to name an image of %s', (algorithm) => {
  test('is taken by everything that takes an image', async () => {
    const { image } = kit(algorithm);
    const made = await image({ platform: host, tags: ['latest', '1'] });
    await opened.library.pull({ reference: reference('latest') });
    await opened.library.pull({ reference: reference('1') });
    const repository = `${registry.host}/app`;
    const hex = made.id.slice(7);
    const { digest } = made.descriptor;
    const names = [repository, `${repository}:1`, `${repository}@${digest}`, `${repository}:1@${digest}`];
    const ids = [made.id, hex, made.id.slice(0, 15), hex.slice(0, 12), hex.slice(0, 2)];
    const { library } = opened;
    for (const name of [...names, ...ids]) {
      expect(library.resolve(name).id).toBe(made.id);
      expect(library.inspect(name).Id).toBe(made.id);
      expect(library.history(name)).toEqual([]);
      expect((await library.prepare(name)).id).toBe(made.id);
      await library.tag(name, 'copy:1');
      expect((await library.remove('copy:1')).length).toBeGreaterThan(0);
      expect(() => library.list({ filters: { since: [name] } })).not.toThrow();
      (await library.save([name])).resume();
    }
    for (const name of [hex.slice(0, 12), `${repository}@${digest}`, `${repository}:1@${digest}`, made.id]) {
      await library.pull({ reference: `${repository}:1` });
      expect(await library.remove(name, { force: true })).toContainEqual(
        expect.objectContaining({ untagged: expect.stringContaining(repository) as string }),
      );
    }
  });
});
