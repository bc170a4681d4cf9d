import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { hostPlatform, type Descriptor } from '#oci';
import {
  makeScratch,
  noise,
  openLibrary,
  startDockerRegistry,
  type Opened,
  type Scratch,
} from './testing.ts';
import { startFakeRegistry, type FakeRegistry } from './testing/fake-registry.ts';
import { createImageKit, fakeSink, httpSink } from './testing/image-kit.ts';

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

const root = (): string => join(scratch.path, 'root');
const open = (): Promise<Opened> => openLibrary(root());
const reference = (): string => `${registry.host}/app:1`;
const left = (): readonly string[] =>
  ['blobs/sha256', 'ingest', 'layers'].flatMap((path) => readdirSync(join(root(), path)));

const host = hostPlatform();
const other = { os: 'linux', architecture: 's390x' };
const text = (seed: number): string => noise(400_000, seed).toString('latin1');

/** Two platforms, an attestation and an artifact. */
const putIndex = async (): Promise<Descriptor> => {
  const { image, index, attestation, artifact } = createImageKit(fakeSink(registry, 'app'));
  const own = await image({ platform: host, layers: [{ shared: text(1) }, { own: text(2) }] });
  const foreign = await image({ platform: other, layers: [{ shared: text(1) }, { own: text(3) }] });
  const chart = await artifact({ artifactType: 'application/x-chart', content: text(4) });
  const entries = [
    { ...own.descriptor, platform: host },
    { ...foreign.descriptor, platform: other },
    await attestation(own.descriptor),
    chart.descriptor,
  ];
  return (await index(entries, { tags: ['1'] })).descriptor;
};

describe('a pull of all platforms', () => {
  test('killed at many moments: the next start is clean, and the retry brings all', async () => {
    const index = await putIndex();
    const child = fileURLToPath(new URL('testing/pull-for-ever.main.ts', import.meta.url));
    for (const lines of [3, 11, 24]) {
      const running = spawn(process.execPath, [child, root(), reference(), 'all'], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const ended = once(running, 'close');
      let told = 0;
      running.stdout.on('data', (chunk: Buffer) => {
        told += chunk.toString().split('\n').length - 1;
        if (told >= lines) running.kill('SIGKILL');
      });
      await ended;
      await using opened = await open();
      for (const record of opened.store.images.list()) {
        const { blobs } = opened.store.images.content(record.id);
        expect(blobs.filter((digest) => opened.store.blobs.stat(digest) === undefined)).toEqual([]);
      }
      await opened.library.pull({ reference: reference(), allPlatforms: true });
      expect(opened.store.images.target(index.digest)?.members).toHaveLength(4);
      await opened.library.remove(reference());
      await opened.library.collect({ resumable: true });
      expect(opened.store.images.list()).toEqual([]);
      await expect.poll(left).toEqual([]);
    }
  });

  test('that was stopped goes on where it was', async () => {
    await putIndex();
    await using opened = await open();
    const first = [...registry.blobs.keys()].at(-1) ?? '';
    const controller = new AbortController();
    const stopped = opened.library.pull(
      { reference: reference(), allPlatforms: true, signal: controller.signal },
      (event) => {
        if (event.kind === 'layer' && event.status === 'Download complete') controller.abort();
      },
    );
    await expect(stopped).rejects.toThrow();
    const kept = new Set(opened.store.blobs.list().map((blob) => blob.digest as string));
    expect(kept.size).toBeGreaterThan(0);
    registry.requests.length = 0;
    await opened.library.pull({ reference: reference(), allPlatforms: true });
    expect(registry.requests.filter(({ digest }) => kept.has(digest))).toEqual([]);
    expect(opened.store.blobs.stat(first as Descriptor['digest'])).toBeDefined();
  });

  test('and another at the same time fetch each blob once', async () => {
    await putIndex();
    await using opened = await open();
    await Promise.all([
      opened.library.pull({ reference: reference(), allPlatforms: true }),
      opened.library.pull({ reference: reference(), allPlatforms: true }),
      opened.library.pull({ reference: reference() }),
    ]);
    const digests = registry.requests.map(({ digest }) => digest);
    expect(digests.toSorted()).toEqual([...new Set(digests)].toSorted());
  });
});

test('an artifact is mounted from the repository it was pulled from', async () => {
  await using real = await startDockerRegistry(scratch.path);
  const { artifact } = createImageKit(httpSink(real.host, 'team/source'));
  await artifact({ artifactType: 'application/x-model', content: 'weights', tags: ['1'] });
  await using opened = await open();
  await opened.library.pull({ reference: `${real.host}/team/source:1` });
  await opened.library.tag(`${real.host}/team/source:1`, `${real.host}/team/copy:1`);
  await opened.library.push({ reference: `${real.host}/team/copy:1` }, opened.emit);
  const told = opened.progress.flatMap((event) => (event.kind === 'layer' ? [event.status] : []));
  expect(new Set(told)).toEqual(new Set(['Mounted from team/source']));
});
