import { createServer } from 'node:net';
import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseFlags } from '#console';
import { BUILD_FLAGS } from './build-flags.ts';
import { fetchOutputs } from './build-fetch.ts';
import { readBuildOptions, type BuildOptions } from './build-options.ts';
import { isRemote } from './build-sources.ts';
import type { Cli } from './context.ts';

let folder: string;
const agent = createServer();

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'lade-options-'));
  mkdirSync(join(folder, 'shared'));
  writeFileSync(join(folder, 'secret'), 'hidden');
  await new Promise<void>((resolve) => void agent.listen(join(folder, 'agent'), resolve));
});

afterAll(() => {
  agent.close();
  rmSync(folder, { recursive: true });
});

const read = (...words: string[]): BuildOptions => {
  const env = { SSH_AUTH_SOCK: join(folder, 'agent'), TOKEN: 'from the environment', HOME: folder };
  const cli = { env, configFolder: folder, stderr: { isTTY: false } } as unknown as Cli;
  return readBuildOptions(cli, parseFlags(BUILD_FLAGS, [...words, '.'], { command: 'lade build' }).flags);
};
const order = (...words: string[]): BuildOptions['order'] => read(...words).order;

describe('what the flags of a build order', () => {
  test('nothing asked for is nothing sent', () => {
    expect(order()).toEqual({});
  });

  test.each([
    [['-t', 'a', '--tag=b:1'], { tags: ['a', 'b:1'] }],
    [
      ['--platform', 'linux/amd64,linux/arm64', '--platform=linux/amd64'],
      { platforms: ['linux/amd64', 'linux/arm64'] },
    ],
    [['--platform', 'local'], {}],
    [['--no-cache-filter', 'a,b', '--no-cache-filter=c'], { noCacheFilter: ['a', 'b', 'c'] }],
    [
      ['--network', 'mine', '--squash', '--pull', '--no-cache'],
      { network: 'mine', squash: true, pull: true, noCache: true },
    ],
    [
      ['--add-host', 'db=[fd00::1]', '--shm-size=64m'],
      { extraHosts: ['db:fd00::1'], shmSizeBytes: 67_108_864 },
    ],
    [['--allow', 'network.host,device'], { allow: ['network.host', 'device'] }],
    [
      ['--annotation', 'index:a=b=c', '--label', 'l'],
      { annotations: { 'index:a': 'b=c' }, labels: { l: '' } },
    ],
    [
      [
        '-m',
        '5m',
        '--memory-swap=-1',
        '-c',
        '7',
        '--cpu-quota=1',
        '--cpu-period=2',
        '--cpuset-cpus=0-1',
        '--cpuset-mems=0',
      ],
      {
        limits: {
          memoryBytes: 5_242_880,
          memorySwapBytes: -1,
          cpuShares: 7,
          cpuQuotaUs: 1,
          cpuPeriodUs: 2,
          cpusetCpus: '0-1',
          cpusetMems: '0',
        },
      },
    ],
    [
      ['--ulimit', 'nofile=1:2', '--cgroup-parent', '/x'],
      { limits: { ulimits: [{ name: 'nofile', soft: 1, hard: 2 }], cgroupParent: '/x' } },
    ],
    [['--provenance=true'], { attestations: { provenance: 'min', sbom: false } }],
    [['--provenance=mode=max', '--sbom=1'], { attestations: { provenance: 'max', sbom: true } }],
    [['--attest', 'type=provenance', '--provenance=false'], {}],
    [['--attest=type=sbom'], { attestations: { provenance: undefined, sbom: true } }],
  ] as const)('%j', (words, expected) => {
    expect(order(...words)).toEqual(expected);
  });

  test.each([
    ['app:cache', { kind: 'registry', reference: 'app:cache', mode: 'min' }],
    [
      'type=registry,ref=r/app,mode=max,image-manifest=true',
      { kind: 'registry', reference: 'r/app', mode: 'max' },
    ],
    ['type=local,dest=/c', { kind: 'local', path: '/c', mode: 'min' }],
    ['type=inline', { kind: 'inline' }],
  ])('--cache-to %s', (word, expected) => {
    expect(order('--cache-to', word).cacheTo).toEqual([expected]);
  });

  test('--cache-from takes a directory by src', () => {
    expect(order('--cache-from', 'type=local,src=/c').cacheFrom).toEqual([
      { kind: 'local', path: '/c', mode: 'min' },
    ]);
  });

  test('named contexts of every kind', () => {
    const digest = `sha256:${'0'.repeat(64)}`;
    const words = [
      `dir=${join(folder, 'shared')}`,
      'git=https://example.com/x.git#main',
      'img=docker-image://debian:12',
      `layout=oci-layout:///images:tag`,
      `exact=oci-layout:///images@${digest}`,
      'stage=target:base',
    ];
    expect(order(...words.flatMap((word) => ['--build-context', word])).contexts).toEqual({
      dir: { kind: 'directory', path: join(folder, 'shared') },
      git: { kind: 'remote', url: 'https://example.com/x.git#main' },
      img: { kind: 'image', reference: 'debian:12' },
      layout: { kind: 'oci-layout', path: '/images', reference: 'tag' },
      exact: { kind: 'oci-layout', path: '/images', reference: digest },
      stage: { kind: 'target', stage: 'base' },
    });
  });

  test('secrets are read here, agents are named by their sockets', () => {
    const text = (id: string, ...words: string[]) =>
      Buffer.from(order(...words).secrets?.[id] ?? '', 'base64').toString();
    expect(text('a', '--secret', `id=a,src=${join(folder, 'secret')}`)).toBe('hidden');
    expect(text('b', '--secret', `id=b,type=file,source=${join(folder, 'secret')}`)).toBe('hidden');
    expect(text('c', '--secret', 'id=c,env=TOKEN')).toBe('from the environment');
    expect(text('TOKEN', '--secret', 'id=TOKEN')).toBe('from the environment');
    const socket = join(folder, 'agent');
    expect(order('--ssh', 'default', '--ssh', `other=${socket}`).ssh).toEqual({
      default: { socket },
      other: { socket },
    });
    expect(() => order('--ssh', `k=${join(folder, 'secret')}`)).toThrow(/not the socket of an agent/);
  });
});

describe('outputs', () => {
  const outputs = (...words: string[]) =>
    order(...words.flatMap((word) => ['-o', word]), '-t', 'app').outputs;

  test.each([
    ['out', { kind: 'local', destination: join(process.cwd(), 'out') }],
    ['-', { kind: 'tar', destination: '-' }],
    ['type=tar', { kind: 'tar', destination: '-' }],
    ['type=local,dest=/o', { kind: 'local', destination: '/o' }],
    ['type=oci,dest=/o,tar=false', { kind: 'oci', destination: '/o', tar: false }],
    ['type=docker,dest=/o', { kind: 'docker', destination: '/o' }],
    ['type=docker', { kind: 'image', names: ['app'], push: false }],
    ['type=image,push=true', { kind: 'image', names: ['app'], push: true }],
    ['type=registry,"name=a,b"', { kind: 'image', names: ['a', 'b'], push: true }],
    ['type=cacheonly', { kind: 'cacheonly' }],
  ])('%s', (word, expected) => {
    expect(outputs(word)).toMatchObject([expected]);
  });

  test('--push and --load are outputs beside others', () => {
    expect(order('--push', '-t', 'app').outputs).toMatchObject([
      { kind: 'image', names: ['app'], push: true },
    ]);
    expect(order('--load', '-o', 'type=cacheonly', '-t', 'app').outputs).toMatchObject([
      { kind: 'cacheonly' },
      { kind: 'image', names: ['app'], push: false },
    ]);
    expect(() => outputs('-', 'type=oci')).toThrow(/only one output can go to stdout/);
  });

  test.each([
    [['--annotation', 'x'], 'invalid annotation "x", expected key=value'],
    [['--annotation', '=x'], 'invalid annotation "=x", expected key=value'],
    [['--shm-size', '-1'], `invalid argument "-1" for "--shm-size" flag: invalid size: '-1'`],
    [['--memory', '-5m'], `invalid argument "-5m" for "-m, --memory" flag: invalid size: '-5m'`],
    [['--memory-swap', '-2'], `invalid argument "-2" for "--memory-swap" flag: invalid size: '-2'`],
  ])('%j is refused', (words, message) => {
    expect(() => order(...words)).toThrow(message);
  });

  test('no limit of swap', () => {
    expect(order('--memory-swap', '-1').limits).toEqual({ memorySwapBytes: -1 });
  });

  test('annotations among the fields of an output', () => {
    expect(order('-o', 'type=image,annotation.a=1,annotation-index.b=2').annotations).toEqual({
      a: '1',
      'index:b': '2',
    });
  });

  test('a daemon elsewhere is asked for archives', () => {
    const { order: sent } = fetchOutputs(
      order('-o', '/files', '-o', 'type=oci,dest=/layout,tar=false', '-o', 'type=tar,dest=/t'),
    );
    expect(sent.outputs).toMatchObject([
      { kind: 'tar', destination: '-' },
      { kind: 'oci', destination: '-', tar: true },
      { kind: 'tar', destination: '-' },
    ]);
  });
});

test.each(['https://x/y.git#a:b', 'git://x', 'git@github.com:a/b', 'ssh://git@x/y', 'github.com/a/b'])(
  '%s is fetched',
  (place) => {
    expect(isRemote(place)).toBe(true);
  },
);

test.each(['.', '/srv', 'web', 'a@b', './git@github.com:a'])('%s is a path', (place) => {
  expect(isRemote(place)).toBe(false);
});
