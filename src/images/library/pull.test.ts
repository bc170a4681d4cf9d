import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { toLadeError } from '#errors';
import { MEDIA_TYPES, encodeIndex, hexOf, parseDigest, sha256Of, type Digest } from '#oci';
import { MS, mount, umount } from '#sys';
import { makeScratch, noise, openLibrary, type Opened, type Scratch } from './testing.ts';
import { addImage, startFakeRegistry, type FakeRegistry } from './testing/fake-registry.ts';

let scratch: Scratch;
let registry: FakeRegistry;
beforeEach(async () => {
  scratch = makeScratch();
  registry = await startFakeRegistry();
});
afterEach(async () => {
  await registry[Symbol.asyncDispose]();
  scratch[Symbol.dispose]();
});

const name = { repository: 'some/app', tag: '1' };
const reference = (): string => `${registry.host}/some/app:1`;
const open = (): Promise<Opened> => openLibrary(join(scratch.path, 'root'));
const left = (): readonly string[] =>
  ['blobs/sha256', 'ingest', 'layers'].flatMap((path) =>
    readdirSync(join(scratch.path, 'root', path)).map((file) => `${path}/${file}`),
  );
const three = [{ a: noise(3 << 20, 1) }, { b: noise(2 << 20, 2) }, { c: 'small' }];

const statuses = (opened: Opened, digest: Digest): readonly string[] => {
  const seen = opened.progress.flatMap((event) =>
    event.kind === 'layer' && event.id === hexOf(digest).slice(0, 12) ? [event.status] : [],
  );
  return seen.filter((status, index) => status !== seen[index - 1]);
};

describe('progress', () => {
  test('tells of each layer in the order of Docker', async () => {
    const image = await addImage(registry, name, [...three, three[0]!]);
    await using opened = await open();
    const view = await opened.library.pull({ reference: reference() }, opened.emit);
    expect(view.config.rootfs.diffIds).toHaveLength(4);
    expect(opened.progress[0]).toEqual({ kind: 'status', message: 'Pulling from some/app', id: '1' });
    for (const digest of image.layers) {
      const told = statuses(opened, digest).filter((status) => status !== 'Waiting');
      expect(told).toEqual([
        'Pulling fs layer',
        'Downloading',
        'Verifying Checksum',
        'Download complete',
        'Extracting',
        'Pull complete',
      ]);
    }
    expect(registry.requests).toHaveLength(4);
  });

  test('two pulls at once fetch each blob once', async () => {
    const image = await addImage(registry, name, three);
    for (const digest of image.layers) registry.faults.set(digest, [{ kind: 'slow', ms: 100 }]);
    await using opened = await open();
    const views = await Promise.all([1, 2, 3].map(() => opened.library.pull({ reference: reference() })));
    expect(new Set(views.map((view) => view.id)).size).toBe(1);
    expect(registry.requests).toHaveLength(4);
    expect(opened.layers.list()).toHaveLength(3);
  });
});

describe('faults', () => {
  test.each(['config', 'layers'] as const)(
    'altered content of the %s is refused, and nothing is left',
    async (part) => {
      const image = await addImage(registry, name, three);
      const digest = part === 'config' ? image.config : image.layers[0]!;
      registry.faults.set(
        digest,
        Array.from({ length: 9 }, () => ({ kind: 'altered' })),
      );
      await using opened = await open();
      await expect(opened.library.pull({ reference: reference() })).rejects.toMatchObject({
        kind: 'corrupt',
      });
      expect(left()).toEqual([]);
      expect(opened.library.list({ all: true })).toEqual([]);
      registry.faults.clear();
      await opened.library.pull({ reference: reference() });
    },
  );

  test('a configuration whose diff IDs are not those of the layers', async () => {
    const right = await addImage(registry, name, [{ a: noise(2 << 20, 1) }]);
    const other = await addImage(registry, { repository: 'other', tag: '1' }, [{ a: noise(2 << 20, 2) }]);
    const manifest = registry.manifests.get('some/app:1')!;
    const text = manifest.bytes.toString().replace(right.layers[0]!, other.layers[0]!);
    const size = registry.blobs.get(other.layers[0]!)!.length;
    const bytes = Buffer.from(text.replace(/("digest":"[^"]+","size":)\d+(\}\])/, `$1${size}$2`));
    registry.manifests.set('some/app:1', { ...manifest, bytes });
    await using opened = await open();
    await expect(opened.library.pull({ reference: reference() })).rejects.toMatchObject({ kind: 'corrupt' });
    expect(left()).toEqual([]);
  });

  test('a cut connection goes on by range; after giving up, so does the next pull', async () => {
    const image = await addImage(registry, name, three);
    const big = image.layers[0]!;
    registry.faults.set(big, [{ kind: 'cut', after: 500_000 }]);
    await using opened = await open();
    await opened.library.pull({ reference: reference() });
    expect(
      registry.requests.filter((request) => request.digest === big).map((request) => request.range),
    ).toEqual([undefined, expect.stringMatching(/^bytes=[1-9]\d*-/)]);
    await opened.library.remove(reference());
    expect(left()).toEqual([]);

    registry.requests.length = 0;
    registry.faults.set(
      big,
      Array.from({ length: 20 }, () => ({ kind: 'cut', after: 100_000 })),
    );
    await expect(opened.library.pull({ reference: reference() })).rejects.toMatchObject({
      kind: 'unavailable',
    });
    expect(opened.library.list({ all: true })).toEqual([]);
    expect(left().length).toBeGreaterThan(0);
    await opened[Symbol.asyncDispose]();

    registry.faults.clear();
    registry.requests.length = 0;
    await using later = await open();
    await later.library.pull({ reference: reference() });
    expect(registry.requests.find((request) => request.digest === big)?.range).toMatch(/^bytes=[1-9]\d{4,}-/);
    await later.library.remove(reference());
    expect(left()).toEqual([]);
  });

  test('a partial file that was damaged meanwhile is fetched again', async () => {
    const image = await addImage(registry, name, three);
    const big = image.layers[0]!;
    const bytes = registry.blobs.get(big)!;
    await using opened = await open();
    const lease = await opened.store.leases.create({ label: 'earlier', ttlMs: 60_000 });
    {
      await using ingest = await opened.store.blobs.ingest({ ref: `download ${big}`, lease });
      await ingest.write(Buffer.alloc(1_000_000));
    }
    lease.detach();
    await lease[Symbol.asyncDispose]();
    await opened.library.pull({ reference: reference() });
    expect(await opened.store.blobs.read(big)).toEqual(bytes);
  });

  test('an abort stops it; one of two who wait does not stop the other', async () => {
    const image = await addImage(registry, name, three);
    for (const digest of image.layers) registry.faults.set(digest, [{ kind: 'slow', ms: 400 }]);
    await using opened = await open();
    const controller = new AbortController();
    const aborted = opened.library.pull({ reference: reference(), signal: controller.signal });
    const other = opened.library.pull({ reference: reference() });
    await setTimeout(150);
    controller.abort();
    await expect(aborted).rejects.toThrow();
    expect((await other).tags).toEqual([reference()]);

    await opened.library.remove(reference());
    for (const digest of image.layers) registry.faults.set(digest, [{ kind: 'slow', ms: 400 }]);
    const alone = opened.library.pull({ reference: reference(), signal: AbortSignal.timeout(150) });
    await expect(alone).rejects.toThrow();
    expect((await opened.library.pull({ reference: reference() })).size).toBeGreaterThan(5 << 20);
  });
});

describe.skipIf(process.getuid?.() !== 0)('a full disk (needs root for a small tmpfs)', () => {
  const root = (): string => join(scratch.path, 'root');
  beforeEach(() => {
    mkdirSync(root());
    mount('tmpfs', root(), 'tmpfs', 0, 'size=9m');
  });
  afterEach(() => umount(root(), { detach: true }));

  test('is one clear error and leaves nothing; with room the retry succeeds', async () => {
    await addImage(registry, name, three);
    await addImage(registry, { repository: 'small', tag: '1' }, [{ small: noise(100_000, 4) }]);
    await using opened = await open();
    await expect(opened.library.pull({ reference: reference() })).rejects.toSatisfy((error: unknown) => {
      expect(toLadeError(error)).toMatchObject({
        kind: 'unavailable',
        hint: expect.stringContaining('free space') as string,
      });
      return true;
    });
    await opened.library.collect();
    // The other layers' jobs were told to stop; what they had written goes with them.
    await expect.poll(left).toEqual([]);
    expect((await opened.library.pull({ reference: `${registry.host}/small:1` })).tags).toHaveLength(1);
    await opened.library.remove(`${registry.host}/small:1`);
    mount('tmpfs', root(), 'tmpfs', MS.REMOUNT, 'size=40m');
    await opened.library.pull({ reference: reference() });
  });
});

describe('platforms', () => {
  const index = async (): Promise<Digest> => {
    const amd = await addImage(registry, { repository: 'some/app', tag: 'own' }, [{ a: 'own' }]);
    const arm = await addImage(registry, { repository: 'some/app', tag: 'other' }, [{ a: 'other' }]);
    const size = (tag: string): number => registry.manifests.get(`some/app:${tag}`)!.bytes.length;
    const own = process.arch === 'arm64' ? 'arm64' : 'amd64';
    const bytes = encodeIndex({
      mediaType: MEDIA_TYPES.ociIndex,
      manifests: [
        {
          mediaType: MEDIA_TYPES.ociManifest,
          digest: arm.manifest,
          size: size('other'),
          platform: { os: 'linux', architecture: 's390x' },
        },
        {
          mediaType: MEDIA_TYPES.ociManifest,
          digest: amd.manifest,
          size: size('own'),
          platform: { os: 'linux', architecture: own },
        },
      ],
    });
    registry.manifests.set('some/app:1', { bytes, mediaType: MEDIA_TYPES.ociIndex });
    return sha256Of(bytes);
  };

  test('of an index the one for this machine; the digest shown is that of the index', async () => {
    const digest = await index();
    await using opened = await open();
    const view = await opened.library.pull({ reference: reference() });
    expect(view.repoDigests).toEqual([`${registry.host}/some/app@${digest}`]);
    expect(view.record.manifests).toHaveLength(2);
    await expect(opened.library.pull({ reference: reference(), platform: 'linux/ppc64le' })).rejects.toThrow(
      /no matching manifest for linux\/ppc64le in the manifest list entries/,
    );
  });

  test('a single image of another platform is refused when one was asked for', async () => {
    await addImage(registry, name, [{ a: 'a' }]);
    await using opened = await open();
    await expect(opened.library.pull({ reference: reference(), platform: 'linux/s390x' })).rejects.toThrow(
      /does not match the specified platform/,
    );
  });
});

describe('kill -9', () => {
  test('in the middle of a pull: the next start is clean and the retry succeeds', async () => {
    const image = await addImage(registry, name, three);
    const child = fileURLToPath(new URL('testing/pull-for-ever.main.ts', import.meta.url));
    for (const lines of [2, 7, 12, 19, 30]) {
      registry.faults.set(image.layers[1]!, [{ kind: 'slow', ms: 20 }]);
      const process_ = spawn(process.execPath, [child, join(scratch.path, 'root'), reference()], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const ended = once(process_, 'close');
      let told = 0;
      process_.stdout.on('data', (chunk: Buffer) => {
        told += chunk.toString().split('\n').length - 1;
        if (told >= lines) process_.kill('SIGKILL');
      });
      await ended;
      await using opened = await open();
      for (const row of opened.library.list({ all: true })) {
        for (const diffId of opened.library.config(row.Id).rootfs.diffIds)
          expect(opened.layers.info(diffId)).toBeDefined();
      }
      const view = await opened.library.pull({ reference: reference() });
      expect(view.id).toBe(parseDigest(image.config));
      await opened.library.remove(reference());
      await opened.library.collect();
      expect(opened.layers.list()).toEqual([]);
    }
  });
});
