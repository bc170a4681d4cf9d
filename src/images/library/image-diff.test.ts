import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { StackDifference } from '#layers';
import type { ContainerConfig, ImageConfig } from '#oci';
import { diffConfigs } from './config-diff.ts';
import { makeScratch, openLibrary, rootfsTar, type Opened, type Scratch } from './testing.ts';

describe('two configurations', () => {
  const image = (config: ContainerConfig, more: Partial<ImageConfig> = {}): ImageConfig => ({
    os: 'linux',
    architecture: 'amd64',
    config,
    rootfs: { diffIds: [] },
    history: [],
    ...more,
  });

  test('are told field by field; variables, labels, ports and volumes one by one', () => {
    const before = image({
      User: 'root',
      Cmd: ['a'],
      Env: ['PATH=/bin', 'OLD=1', 'SAME=x'],
      Labels: { stage: '1', same: 'x' },
      ExposedPorts: { '80/tcp': {} },
    });
    const after = image({
      User: 'web',
      Entrypoint: ['/e'],
      Cmd: ['a'],
      Env: ['PATH=/usr/bin', 'SAME=x', 'NEW=a=b'],
      Labels: { stage: '2', same: 'x' },
      Volumes: { '/data': {} },
    });
    expect(diffConfigs(before, after)).toEqual([
      { field: 'User', before: 'root', after: 'web' },
      { field: 'Env.OLD', before: '1' },
      { field: 'Env.PATH', before: '/bin', after: '/usr/bin' },
      { field: 'ExposedPorts.80/tcp', before: {} },
      { field: 'Labels.stage', before: '1', after: '2' },
      { field: 'Entrypoint', after: ['/e'] },
      { field: 'Env.NEW', after: 'a=b' },
      { field: 'Volumes./data', after: {} },
    ]);
    expect(diffConfigs(before, before)).toEqual([]);
  });

  test('history is told after what both begin with', () => {
    const step = (createdBy: string) => ({ createdBy });
    const before = image({}, { history: [step('FROM'), step('RUN a'), step('RUN b')] });
    const after = image({}, { history: [step('FROM'), step('RUN c')] });
    expect(diffConfigs(before, after)).toEqual([
      { field: 'History', before: 'RUN a' },
      { field: 'History', before: 'RUN b' },
      { field: 'History', after: 'RUN c' },
    ]);
  });
});

describe('two images', () => {
  let scratch: Scratch;
  let opened: Opened;
  beforeEach(async () => {
    scratch = makeScratch();
    opened = await openLibrary(scratch.path);
  });
  afterEach(async () => {
    await opened[Symbol.asyncDispose]();
    scratch[Symbol.dispose]();
  });

  test('layers that only one has, and the files in which they differ', async () => {
    const { library, layers } = opened;
    const base = await library.import({ stream: rootfsTar({ kept: 'x', text: 'old' }), reference: 'base:1' });
    await using lease = await library.lease({ label: 'test', everything: true });
    const layer = await layers.unpack(
      { kind: 'stream', stream: rootfsTar({ text: 'newer', '.wh.kept': '' }), compression: 'none' },
      { lease },
    );
    const diffIds = [...base.config.rootfs.diffIds, layer.diffId];
    await library.createImage({ config: { ...base.config, rootfs: { diffIds } }, tags: ['next:1'] });
    const diff = await library.diff({ before: 'base:1', after: 'next:1' });
    expect(diff).toMatchObject({
      before: { id: base.id, tags: ['base:1'], size: base.size },
      after: { tags: ['next:1'] },
      config: [],
      layers: { common: 1, removed: [], added: [{ diffId: layer.diffId, size: layer.size }] },
    });
    const files: StackDifference[] = [];
    for await (const batch of diff.files) files.push(...batch);
    expect(files.map(({ path, before, after }) => [path, before?.size, after?.size])).toEqual([
      ['/kept', 1, undefined],
      ['/text', 3, 5],
    ]);
    await expect(library.diff({ before: 'base:1', after: 'nothing' })).rejects.toThrow('No such image');
  });
});
