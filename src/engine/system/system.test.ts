import { appendFileSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ContainerSummary, VolumeInspect } from '#engine';
import { layersMigrations, openLayerStore } from '#layers';
import { createLibrary, type LibraryUsage } from '#library';
import { parseImageId } from '#oci';
import { openImageStore, openRoot } from '#store';
import { writeTar } from '#tar';
import { createSystem, diskUsageOf, type SystemParts } from './index.ts';

const id = (digit: string) => parseImageId(`sha256:${digit.repeat(64)}`);
const holder = { kind: 'container', id: 'c' };
const image = (digit: string, size: number, used: boolean): LibraryUsage['images'][number] => ({
  id: id(digit),
  tags: [],
  created: undefined,
  size,
  shared: 0,
  unique: size,
  holders: used ? [holder] : [],
});
const container = (State: string, SizeRw: number): ContainerSummary =>
  ({ State, SizeRw }) as ContainerSummary;
const volume = (Size: number, RefCount: number): VolumeInspect =>
  ({ UsageData: { Size, RefCount } }) as VolumeInspect;

describe('diskUsageOf', () => {
  test('counts what is there, what is in use, and what could go', () => {
    const usage = diskUsageOf({
      library: {
        images: [image('1', 100, true), image('2', 70, false)],
        layersSize: 170,
        otherLayersSize: 5,
        blobsSize: 40,
        undoSize: 9,
      },
      deletions: 2,
      containers: [container('running', 10), container('exited', 30), container('paused', 2)],
      volumes: [volume(1000, 1), volume(500, 0)],
      buildCache: { records: 3, bytes: 7 },
    });
    expect(usage).toEqual({
      images: { count: 2, active: 1, bytes: 170, reclaimable: 70 },
      containers: { count: 3, active: 2, bytes: 42, reclaimable: 30 },
      volumes: { count: 2, active: 1, bytes: 1500, reclaimable: 500 },
      buildCache: { count: 3, active: 0, bytes: 7, reclaimable: 7 },
      transferred: { bytes: 40 },
      undo: { count: 2, bytes: 9 },
      budget: undefined,
    });
  });
});

describe('over real rooms', () => {
  let path: string;
  beforeEach(() => {
    path = mkdtempSync(join(tmpdir(), 'lade-system-'));
  });
  afterEach(() => rmSync(path, { recursive: true }));

  const open = async (stack: AsyncDisposableStack) => {
    const root = stack.use(await openRoot({ path, migrations: layersMigrations }));
    const store = await openImageStore(root);
    const layers = stack.use(await openLayerStore(root));
    const library = createLibrary({
      store,
      layers,
      registryClientFor: () => {
        throw new Error('no registry here');
      },
    });
    const steps: string[] = [];
    const parts: SystemParts = {
      root: path,
      store,
      layers,
      library: { ...library, prune: async (request) => (steps.push('images'), await library.prune(request)) },
      containers: {
        list: async () => [],
        prunable: () => [],
        prune: async () => (steps.push('containers'), { deleted: ['c'], spaceReclaimed: 5 }),
      },
      volumes: {
        usage: async () => [],
        prunable: () => [],
        prune: async () => (steps.push('volumes'), { deleted: ['v'], spaceReclaimed: 7 }),
      },
      counts: () => ({ running: 1, paused: 0, stopped: 2 }),
      networks: { prunable: () => [], prune: async () => (steps.push('networks'), []) },
      buildCache: async () => ({
        usage: async () => ({ records: 1, bytes: 1 }),
        oldestUse: async () => undefined,
        prune: async () => (steps.push('cache'), { records: 1, bytes: 11, ids: ['x'] }),
      }),
    };
    const make = (content: string) =>
      library.import({
        stream: Readable.from(
          writeTar([{ path: 'x', kind: 'file', size: content.length, content: Buffer.from(content) }]),
        ),
      });
    return { store, layers, system: createSystem(parts), steps, make };
  };

  test('check finds what was changed or lost, and nothing else', async () => {
    await using stack = new AsyncDisposableStack();
    const { store, layers, system, make } = await open(stack);
    const [first, second] = [await make('one'), await make('two')];
    const sound = await system.check();
    expect(sound).toMatchObject({ blobs: 2, layers: 2, images: 2, findings: [] });
    expect(sound.bytes).toBeGreaterThan(4096);
    appendFileSync(layers.tarPath(first.config.rootfs.diffIds[0]!), 'x');
    rmSync(store.blobs.path(second.id));
    const report = await system.check();
    expect(report.findings.map((found) => [found.kind, found.digest, found.state])).toEqual([
      ['blob', second.id, 'missing'],
      ['layer', first.config.rootfs.diffIds[0], 'damaged'],
    ]);
    await expect(system.check({ signal: AbortSignal.abort() })).rejects.toThrow();
  });

  test('check names files that nothing knows, also inside of layers, and repair moves them away', async () => {
    await using stack = new AsyncDisposableStack();
    const { layers, system, make } = await open(stack);
    const { config } = await make('one');
    const strays = [
      join(path, 'blobs', 'stray'),
      join(dirname(layers.tarPath(config.rootfs.diffIds[0]!)), 'extra'),
      join(path, 'layers', 'nonsense'),
      join(path, 'stray'),
    ];
    for (const stray of strays) writeFileSync(stray, 'x');
    const report = await system.check({ repair: true });
    expect(report.findings.map((found) => [found.kind, found.state, found.repair])).toEqual(
      strays.map(() => ['file', 'leftover', 'repaired']),
    );
    expect(report.findings.map(({ message }) => message.split(' ')[0])).toEqual(strays);
    expect(strays.filter((stray) => existsSync(stray))).toEqual([]);
    expect((await system.check()).findings).toEqual([]);
  });

  test('prune goes from what uses to what is used; labels leave alone what has none', async () => {
    await using stack = new AsyncDisposableStack();
    const { system, steps, make } = await open(stack);
    const image = await make('loose');
    const report = await system.prune({ volumes: true });
    expect(steps).toEqual(['containers', 'networks', 'volumes', 'images', 'cache']);
    expect(report).toMatchObject({ containers: ['c'], volumes: ['v'], cacheRecords: 1 });
    expect(report.images).toContain(image.id);
    expect(report.reclaimed).toBeGreaterThan(4096);
    steps.length = 0;
    await system.prune({ filters: { label: ['a'] } });
    expect(steps).toEqual(['containers', 'images']);
    expect(system.facts()).toMatchObject({ images: 0, containers: { stopped: 2 } });
    expect((await system.diskUsage()).buildCache).toMatchObject({ count: 1, bytes: 1 });
  });
});
