import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createWriteStream, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { writeTar, type TarSource } from '#tar';
import { makeScratch, noise, openLibrary, rootfsTar, type Opened, type Scratch } from './testing.ts';

let scratch: Scratch;
beforeAll(() => void (scratch = makeScratch()));
afterAll(() => scratch[Symbol.dispose]());

const root = (name: string): string => join(scratch.path, name);
const sha = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

const OCI = 'application/vnd.oci.image';

interface Described {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

/** Files of an OCI layout that grows. */
class Layout {
  readonly files = new Map<string, Buffer>();

  put(bytes: Buffer, mediaType: string): Described {
    this.files.set(`blobs/sha256/${sha(bytes)}`, bytes);
    return { mediaType, digest: `sha256:${sha(bytes)}`, size: bytes.length };
  }

  json(value: object, mediaType: string): Described {
    return this.put(Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType, ...value })), mediaType);
  }

  image(
    platform: object,
    tar: Buffer,
    pack: (bytes: Buffer) => Buffer = gzipSync,
    suffix = '+gzip',
  ): Described {
    const config = this.put(
      Buffer.from(
        JSON.stringify({
          ...platform,
          config: {},
          rootfs: { type: 'layers', diff_ids: [`sha256:${sha(tar)}`] },
        }),
      ),
      `${OCI}.config.v1+json`,
    );
    const layers = [this.put(pack(tar), `${OCI}.layer.v1.tar${suffix}`)];
    const manifest = this.json({ config, layers }, `${OCI}.manifest.v1+json`);
    return Object.assign(manifest, { platform });
  }

  artifact(subject: Described | undefined, text: string): Described {
    const config = this.put(Buffer.from('{}'), `${OCI}.empty.v1+json`);
    const layers = [this.put(Buffer.from(text), 'text/plain')];
    return this.json({ artifactType: 'text/plain', config, layers, subject }, `${OCI}.manifest.v1+json`);
  }

  index(manifests: readonly object[]): Described {
    return this.json({ manifests }, `${OCI}.index.v1+json`);
  }

  /** Blobs first, as other tools write it, unless their documents are to come first. */
  tar(manifests: readonly object[], more: Readonly<Record<string, unknown>> = {}): Readable {
    const documents = {
      'index.json': { schemaVersion: 2, manifests },
      'oci-layout': { imageLayoutVersion: '1.0.0' },
      ...more,
    };
    const all = [
      ...this.files,
      ...Object.entries(documents).map(
        ([path, value]) => [path, Buffer.from(JSON.stringify(value))] as const,
      ),
    ];
    return tarOf(Object.fromEntries(all));
  }
}

const tarOf = (files: Readonly<Record<string, Buffer>>): Readable => {
  const sources = Object.entries(files).map(([path, content]): TarSource => ({
    path,
    kind: 'file',
    size: content.length,
    content,
  }));
  return Readable.from(writeTar(sources), { objectMode: false });
};

const named = (descriptor: Described, name: string): object => ({
  ...descriptor,
  annotations: { 'io.containerd.image.name': name },
});

const filesTar = (text: string): Promise<Buffer> =>
  buffer(rootfsTar({ 'etc/what': text, big: noise(1_200_000, text.length) }));

const AMD = { os: 'linux', architecture: 'amd64' };
const ARM = { os: 'linux', architecture: 'arm64' };
const WINDOWS = { os: 'windows', architecture: 'amd64', 'os.version': '10.0.1' };

/** Two platforms, an attestation of each, an image in an index below, and something that refers to the whole. */
const wholeLayout = async () => {
  const layout = new Layout();
  const amd = layout.image(AMD, await filesTar('amd'));
  const arm = layout.image(ARM, await filesTar('arm64'));
  const windows = layout.image(WINDOWS, await filesTar('windows'));
  const attestation = {
    ...layout.artifact(undefined, 'attested'),
    platform: { os: 'unknown', architecture: 'unknown' },
    annotations: {
      'vnd.docker.reference.type': 'attestation-manifest',
      'vnd.docker.reference.digest': amd.digest,
    },
  };
  const inner = layout.index([windows]);
  const index = layout.index([amd, arm, attestation, inner]);
  const referrer = layout.artifact(index, 'signature');
  return { layout, amd, arm, windows, attestation, inner, index, referrer };
};

const targetOf = (opened: Opened, reference: string) => {
  const link = opened.store.images.reference(reference)?.target;
  return link === undefined ? undefined : opened.store.images.target(link.digest);
};

const SHOP = 'docker.io/library/shop:1';

const listing = async (archive: Buffer): Promise<readonly string[]> =>
  execFileSync('tar', ['-tf', '-'], { input: archive, encoding: 'utf8' }).split('\n').filter(Boolean);

describe('indexes', () => {
  test('load with all their platforms, attestations, inner indexes and referrers; and go out again the same', async () => {
    const made = await wholeLayout();
    const archive = await buffer(made.layout.tar([named(made.index, SHOP), made.referrer]));
    await using first = await openLibrary(root('index-a'));
    const [view] = await first.library.load(Readable.from([archive]), first.emit);
    expect(view?.tags).toEqual(['shop:1']);
    expect(view?.config.architecture).toBe(process.arch === 'arm64' ? 'arm64' : 'amd64');
    expect(targetOf(first, SHOP)?.members.map(({ manifest, kind }) => [kind, manifest.digest])).toEqual([
      ['image', made.amd.digest],
      ['image', made.arm.digest],
      ['attestation', made.attestation.digest],
      ['index', made.inner.digest],
      ['image', made.windows.digest],
      ['artifact', made.referrer.digest],
    ]);
    expect(first.progress.filter(({ kind }) => kind === 'loaded')).toHaveLength(1);

    const saved = await buffer(await first.library.save(['shop:1']));
    expect(sha(await buffer(await first.library.save(['shop:1'])))).toBe(sha(saved));
    const paths = new Set(await listing(saved));
    for (const path of made.layout.files.keys()) expect(paths).toContain(path);
    await using second = await openLibrary(root('index-b'));
    await second.library.load(Readable.from([saved]));
    expect(targetOf(second, SHOP)).toEqual(targetOf(first, SHOP));
    expect(second.store.blobs.list()).toEqual(first.store.blobs.list());
    expect(sha(await buffer(await second.library.save(['shop:1'])))).toBe(sha(saved));
  });

  test('cannot take a name with a digest, which promises content that the archive need not hold', async () => {
    const made = await wholeLayout();
    const promised = `docker.io/library/shop@sha256:${'1'.repeat(64)}`;
    await using opened = await openLibrary(root('promised'));
    const [view] = await opened.library.load(made.layout.tar([named(made.amd, promised)]));
    expect(view?.tags).toEqual([]);
    const config = Buffer.from(JSON.stringify({ ...AMD, rootfs: { type: 'layers', diff_ids: [] } }));
    const manifest = JSON.stringify([{ Config: 'c.json', RepoTags: [promised], Layers: [] }]);
    const archive = tarOf({ 'c.json': config, 'manifest.json': Buffer.from(manifest) });
    await expect(opened.library.load(archive)).rejects.toMatchObject({ code: 'LIBRARY_DIGEST_IN_TAG' });
    expect(opened.store.images.references()).toEqual([]);
  });

  test('and one of their images under a name of its own: each has its names, once', async () => {
    const made = await wholeLayout();
    const names = [named(made.index, SHOP), named(made.arm, 'docker.io/library/arm:1')];
    await using first = await openLibrary(root('index-c'));
    await first.library.load(made.layout.tar(names));
    const saved = await buffer(await first.library.save(['shop:1', 'arm:1']));
    await using second = await openLibrary(root('index-d'));
    const views = await second.library.load(Readable.from([saved]), second.emit);
    expect(views.map((view) => [view.config.architecture, view.tags])).toEqual([
      [process.arch === 'arm64' ? 'arm64' : 'amd64', ['shop:1']],
      ['arm64', ['arm:1']],
    ]);
    const told = second.progress.flatMap((event) => (event.kind === 'loaded' ? [event.message] : []));
    expect(told).toEqual(['Loaded image: shop:1', 'Loaded image: arm:1']);
  });

  test('--platform takes one or several of them, in and out', async () => {
    const made = await wholeLayout();
    const archive = await buffer(made.layout.tar([named(made.index, SHOP)]));
    await using one = await openLibrary(root('platform-a'));
    const [view] = await one.library.load(Readable.from([archive]), undefined, {
      platforms: ['linux/arm64'],
    });
    expect(view?.config.architecture).toBe('arm64');
    expect(targetOf(one, SHOP)?.members.filter(({ kind }) => kind === 'image')).toHaveLength(1);
    await expect(
      one.library.load(Readable.from([archive]), undefined, { platforms: ['linux/s390x'] }),
    ).rejects.toThrow('no image for linux/s390x');
    await expect(one.library.save(['shop:1'], { platforms: ['linux/amd64'] })).rejects.toMatchObject({
      kind: 'not-found',
    });

    await using all = await openLibrary(root('platform-b'));
    await all.library.load(Readable.from([archive]));
    const arm = await buffer(await all.library.save(['shop:1'], { platforms: ['linux/arm64'] }));
    const paths = await listing(arm);
    expect(paths).toContain(`blobs/sha256/${made.arm.digest.slice(7)}`);
    expect(paths).not.toContain(`blobs/sha256/${made.amd.digest.slice(7)}`);
    await using third = await openLibrary(root('platform-c'));
    const [loaded] = await third.library.load(Readable.from([arm]));
    expect(loaded).toMatchObject({ config: { architecture: 'arm64' }, tags: ['shop:1'] });
    const two = { platforms: ['linux/arm64', 'windows/amd64'] };
    const both = await listing(await buffer(await all.library.save(['shop:1'], two)));
    expect(both).toContain(`blobs/sha256/${made.windows.digest.slice(7)}`);
    expect(both).not.toContain(`blobs/sha256/${made.amd.digest.slice(7)}`);
  });

  test('--platform takes the image for it, and not another one that would run there', async () => {
    const layout = new Layout();
    const v7 = layout.image({ os: 'linux', architecture: 'arm', variant: 'v7' }, await filesTar('v7'));
    const arm = layout.image(ARM, await filesTar('arm64'));
    const archive = await buffer(layout.tar([named(layout.index([v7, arm]), SHOP)]));
    await using opened = await openLibrary(root('platform-d'));
    const platforms = { platforms: ['linux/arm64'] };
    await opened.library.load(Readable.from([archive]), undefined, platforms);
    expect(targetOf(opened, SHOP)?.members.map(({ manifest }) => manifest.digest)).toEqual([arm.digest]);
    await opened.library.load(Readable.from([archive]));
    const paths = await listing(await buffer(await opened.library.save(['shop:1'], platforms)));
    expect(paths).toContain(`blobs/sha256/${arm.digest.slice(7)}`);
    expect(paths).not.toContain(`blobs/sha256/${v7.digest.slice(7)}`);
  });

  test('an index of which only one platform is in the archive, as dockerd with the containerd store saves it', async () => {
    const { layout, amd, arm, index } = await wholeLayout();
    const armConfig = JSON.parse(layout.files.get(`blobs/sha256/${arm.digest.slice(7)}`)!.toString()) as {
      config: Described;
      layers: Described[];
    };
    for (const { digest } of [arm, armConfig.config, ...armConfig.layers])
      layout.files.delete(`blobs/sha256/${digest.slice(7)}`);
    await using opened = await openLibrary(root('sparse'));
    const [view] = await opened.library.load(layout.tar([named(index, SHOP)]));
    expect(view?.tags).toEqual(['shop:1']);
    const target = targetOf(opened, SHOP);
    expect(target?.digest).toBe(index.digest);
    expect(target?.members.map(({ manifest }) => manifest.digest)).toContain(amd.digest);
    expect(target?.members.map(({ manifest }) => manifest.digest)).not.toContain(arm.digest);
  });

  test('several images and artifacts named by one index.json', async () => {
    const layout = new Layout();
    const one = layout.image(AMD, await filesTar('one'));
    const two = layout.image(AMD, await filesTar('twos'));
    const chart = layout.artifact(undefined, 'chart');
    await using opened = await openLibrary(root('several'));
    const manifests = [
      named(one, 'a.example/one:1'),
      named(two, 'a.example/two:2'),
      named(one, SHOP),
      named(chart, 'a.example/chart:3'),
      two,
    ];
    const views = await opened.library.load(layout.tar(manifests), opened.emit);
    expect(views.map(({ tags }) => tags)).toEqual([
      ['a.example/one:1', 'shop:1'],
      ['a.example/two:2'],
      ['a.example/chart:3'],
    ]);
    expect(opened.library.resolve('a.example/chart:3').record.kind).toBe('artifact');
    const again = await buffer(await opened.library.save(['a.example/chart:3']));
    expect(await listing(again)).toContain(`blobs/sha256/${sha(Buffer.from('chart'))}`);
  });
});

describe('forms', () => {
  test('bzip2 and xz; a damaged one is refused', async () => {
    await using opened = await openLibrary(root('packed'));
    const layout = new Layout();
    const archive = await buffer(layout.tar([named(layout.image(AMD, await filesTar('p')), SHOP)]));
    for (const program of ['bzip2', 'xz']) {
      const packed = execFileSync(program, ['-c', '-1'], { input: archive, maxBuffer: 1 << 28 });
      const [view] = await opened.library.load(Readable.from([packed]));
      expect(view?.tags).toEqual(['shop:1']);
      await expect(opened.library.load(Readable.from([packed.subarray(0, 100_000)]))).rejects.toMatchObject({
        code: 'LIBRARY_ARCHIVE_UNREADABLE',
      });
      const imported = execFileSync(program, ['-c', '-1'], {
        input: await filesTar('p'),
        maxBuffer: 1 << 28,
      });
      expect((await opened.library.import({ stream: Readable.from([imported]) })).config.rootfs).toEqual(
        view?.config.rootfs,
      );
    }
  });

  test('an archive of Docker before 1.10, which has no manifest.json', async () => {
    const base = await filesTar('base');
    const upper = await buffer(rootfsTar({ 'etc/what': 'changed' }));
    const [low, top] = ['a'.repeat(64), 'b'.repeat(64)];
    const json = (value: object): Buffer => Buffer.from(JSON.stringify(value));
    const created = '2015-01-02T03:04:05Z';
    const command = { Cmd: ['/bin/sh', '-c', 'a && b'] };
    const archive = tarOf({
      [`${top}/json`]: json({
        id: top,
        parent: low,
        created,
        container_config: command,
        config: { Cmd: ['/x'] },
        architecture: 'amd64',
        os: 'linux',
        Size: 3,
      }),
      [`${top}/layer.tar`]: upper,
      [`${low}/json`]: json({ id: low, created, os: 'linux' }),
      [`${low}/layer.tar`]: base,
      repositories: json({ old: { '1': top } }),
    });
    await using opened = await openLibrary(root('legacy'));
    const [view] = await opened.library.load(archive, opened.emit);
    expect(view).toMatchObject({
      tags: ['old:1'],
      config: {
        config: { Cmd: ['/x'] },
        rootfs: { diffIds: [`sha256:${sha(base)}`, `sha256:${sha(upper)}`] },
        history: [{ created }, { created, createdBy: '/bin/sh -c a && b' }],
      },
    });
    expect(readFileSync(opened.store.blobs.path(view!.id), 'utf8')).toContain('a \\u0026\\u0026 b');
  });

  test('zstd layers keep their digest, and manifest.json names tars that Docker 20.10 reads', async () => {
    const layout = new Layout();
    const tar = await filesTar('zstd');
    const image = layout.image(AMD, tar, zstdCompressSync, '+zstd');
    await using opened = await openLibrary(root('zstd'));
    await opened.library.load(layout.tar([named(image, SHOP)]));
    const saved = await buffer(await opened.library.save(['shop:1']));
    const listed = JSON.parse(
      execFileSync('tar', ['-xOf', '-', 'manifest.json'], { input: saved, encoding: 'utf8' }),
    ) as [{ Layers: string[] }];
    expect(listed[0].Layers).toEqual([`blobs/sha256/${sha(tar)}`]);
    expect(await listing(saved)).toContain(`blobs/sha256/${image.digest.slice(7)}`);
    await using other = await openLibrary(root('zstd-b'));
    await other.library.load(Readable.from([saved]));
    expect(targetOf(other, SHOP)?.digest).toBe(image.digest);
  });

  test('a layer that is not what the configuration says, and one that is missing', async () => {
    const layout = new Layout();
    const image = layout.image(AMD, await filesTar('x'));
    const other = gzipSync(await filesTar('other'));
    const manifest = JSON.parse(layout.files.get(`blobs/sha256/${image.digest.slice(7)}`)!.toString()) as {
      config: Described;
    };
    const layers = [layout.put(other, `${OCI}.layer.v1.tar+gzip`)];
    const wrong = layout.json({ config: manifest.config, layers }, `${OCI}.manifest.v1+json`);
    await using opened = await openLibrary(root('wrong'));
    await expect(opened.library.load(layout.tar([named(wrong, SHOP)]))).rejects.toMatchObject({
      kind: 'corrupt',
    });
    layout.files.delete(`blobs/sha256/${layers[0]!.digest.slice(7)}`);
    await expect(opened.library.load(layout.tar([named(wrong, SHOP)]))).rejects.toMatchObject({
      code: 'LIBRARY_ARCHIVE_INCOMPLETE',
    });
    expect(opened.store.blobs.list()).toEqual([]);
    expect(opened.layers.list()).toEqual([]);
  });
});

describe('since', () => {
  const made = async (opened: Opened): Promise<void> => {
    await opened.library.import({ stream: rootfsTar({ base: noise(2 << 20, 1) }), reference: 'base:1' });
    const upper = await opened.library.import({
      stream: rootfsTar({ upper: noise(1 << 18, 2) }),
      reference: 'upper:1',
    });
    const base = opened.library.resolve('base:1');
    await opened.library.createImage({
      config: {
        ...base.config,
        rootfs: { diffIds: [...base.config.rootfs.diffIds, ...upper.config.rootfs.diffIds] },
        history: [],
      },
      tags: ['app:1'],
    });
  };

  test('leaves out what the other side has; load says which image is missing where it has not', async () => {
    await using first = await openLibrary(root('since-a'));
    await made(first);
    const whole = await buffer(await first.library.save(['app:1']));
    const part = await buffer(await first.library.save(['app:1'], { since: ['base:1'] }));
    expect(part.length).toBeLessThan(whole.length / 4);
    await expect(first.library.save(['app:1'], { since: ['nothing:1'] })).rejects.toMatchObject({
      kind: 'not-found',
    });

    await using second = await openLibrary(root('since-b'));
    await expect(second.library.load(Readable.from([part]))).rejects.toMatchObject({
      code: 'LIBRARY_SINCE_IMAGE_MISSING',
      message: expect.stringContaining('base:1'),
    });
    expect(second.layers.list()).toEqual([]);
    await second.library.load(await first.library.save(['base:1']));
    const [view] = await second.library.load(Readable.from([part]));
    expect(view?.id).toBe(first.library.resolve('app:1').id);
    expect(sha(await buffer(await second.library.save(['app:1'])))).toBe(sha(whole));
  });
});

describe('import', () => {
  test('a link to a file that the archive does not hold is refused with its name', async () => {
    const link: TarSource = { path: 'usr/bin/tool', kind: 'hardlink', linkName: 'usr/bin/gone' };
    const file: TarSource = { path: 'f', kind: 'file', size: 1, content: Buffer.from('x') };
    await using opened = await openLibrary(root('links'));
    const stream = (): Readable => Readable.from(writeTar([file, link]), { objectMode: false });
    await expect(opened.library.import({ stream: stream() })).rejects.toThrow('usr/bin/tool');
    expect(opened.layers.list()).toEqual([]);
    const good: TarSource = { ...link, linkName: './f' };
    await opened.library.import({ stream: Readable.from(writeTar([file, good]), { objectMode: false }) });
  });
});

describe('judges', () => {
  test('skopeo and umoci read what is saved of a multi-platform image', async () => {
    const { layout, index } = await wholeLayout();
    await using opened = await openLibrary(root('judges'));
    await opened.library.load(layout.tar([named(index, SHOP)]));
    const archive = root('judged.tar');
    await pipeline(await opened.library.save(['shop:1']), createWriteStream(archive));
    const skopeo = (...args: readonly string[]): string =>
      execFileSync('skopeo', ['--insecure-policy', ...args], { encoding: 'utf8' });
    const config = skopeo('inspect', '--config', `docker-archive:${archive}:shop:1`);
    expect(config).toContain(opened.library.resolve('shop:1').config.rootfs.diffIds[0]);
    execFileSync('mkdir', ['-p', root('judged')]);
    execFileSync('tar', ['-xf', archive, '-C', root('judged')]);
    const raw = skopeo('inspect', '--raw', `oci:${root('judged')}:1`);
    expect(`sha256:${sha(Buffer.from(raw))}`).toBe(index.digest);
    writeFileSync(
      root('one.tar'),
      await buffer(await opened.library.save(['shop:1'], { platforms: ['linux/amd64'] })),
    );
    execFileSync('mkdir', ['-p', root('single')]);
    execFileSync('tar', ['-xf', root('one.tar'), '-C', root('single')]);
    execFileSync('umoci', ['unpack', '--image', `${root('single')}:1`, root('judged-bundle')]);
    expect(readFileSync(join(root('judged-bundle'), 'rootfs/etc/what'), 'utf8')).toBe('amd');
  });
});

test('an archive of nothing but links is refused before it fills the memory', async () => {
  await using opened = await openLibrary(root('links'));
  const links = function* (): Generator<TarSource> {
    for (let index = 0; index < 10_000; index += 1)
      yield { path: `link-${index}`, kind: 'symlink', linkName: 'x'.repeat(60_000) };
  };
  const loading = opened.library.load(Readable.from(writeTar(links())));
  await expect(loading).rejects.toThrow(/too many entries/);
});

test('indexes that name each other many times over are read once each', async () => {
  const layout = new Layout();
  const image = layout.image(AMD, await filesTar('amd'));
  let top = layout.index([image]);
  for (let level = 0; level < 3; level += 1) top = layout.index(Array.from({ length: 500 }, () => top));
  await using opened = await openLibrary(root('nested'));
  const [view] = await opened.library.load(layout.tar([named(top, 'docker.io/team/nested:1')]));
  expect(view?.tags).toEqual(['team/nested:1']);
  const [listed] = opened.library.list({ manifests: true });
  expect(listed?.Manifests?.map(({ ID }) => ID)).toEqual([image.digest]);
  const saved = await buffer(await opened.library.save(['team/nested:1']));
  await using other = await openLibrary(root('nested-again'));
  expect((await other.library.load(Readable.from([saved])))[0]?.id).toBe(view?.id);
});
