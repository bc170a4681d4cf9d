import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { spawnSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openDatabase } from '#database';
import { layersMigrations, openLayerStore, type LayerInfo, type LayerStore } from '#layers';
import type { DiffId } from '#oci';
import { createPlainDigests, DEFAULT_LIMITS, selectFiles, type FileTree } from '#sources';
import { encodeTarHeader, type TarHeader } from '#tar';
import { archive, rawFile } from '../../base/tar/testing.ts';
import { stepsErrors } from './errors.ts';
import { runCopy } from './run-copy.ts';

const { signal } = new AbortController();
const PLACE = { file: 'Dockerfile', line: 2, excerpt: 'ADD a.tar /' };

let stack: AsyncDisposableStack;
let directory: string;
let layers: LayerStore;
let base: DiffId;

beforeAll(async () => {
  await using opened = new AsyncDisposableStack();
  directory = mkdtempSync(join(tmpdir(), 'lade-refused-'));
  opened.defer(() => rmSync(directory, { recursive: true }));
  const path = join(directory, 'store');
  mkdirSync(path);
  const database = opened.use(
    await openDatabase({ path: join(path, 'lade.db'), migrations: layersMigrations }),
  );
  layers = opened.use(await openLayerStore({ path, database }));
  const made = await layers.writeLayer(async (writer) => {
    await writer.add({ path: 'below', kind: 'file' });
    await writer.add({ path: 'folder', kind: 'directory' });
  });
  base = made.diffId;
  stack = opened.move();
});
afterAll(() => stack.disposeAsync());

interface Step {
  readonly below?: readonly DiffId[];
  readonly link?: boolean;
  readonly unpack?: boolean;
}

const never = (): never => {
  throw new Error('nothing is fetched');
};
const remote = {
  limits: DEFAULT_LIMITS,
  identify: never,
  open: never,
  [Symbol.asyncDispose]: () => Promise.resolve(),
};

/** Copies everything in `root` to the root of the image. */
const copy = async (root: string, { below = [], link = false, unpack = true }: Step) => {
  const digests = createPlainDigests(root);
  const tree: FileTree = { root, label: 'the context', digests, ignore: undefined, keepsOwners: false };
  const sources = readdirSync(root);
  const excludes: readonly string[] = [];
  const request = { tree, sources, excludes, parents: false, chmod: undefined, place: PLACE, signal };
  const selection = await selectFiles(request);
  const operation = {
    kind: 'copy',
    origin: { kind: 'context' },
    sources,
    inline: [],
    destination: '/',
    chown: undefined,
    chmod: undefined,
    link,
    parents: false,
    excludes,
    unpack,
    remotes: new Map(),
    unpackRemote: false,
  } as const;
  const lease = () => Promise.resolve({ protect: () => Promise.resolve() });
  return await runCopy(
    { layers, lease, remote, clampToNs: 0n },
    { operation, selection, tree, below, place: PLACE, signal },
  );
};

const add = async (entries: readonly Buffer[], step: Step = {}): Promise<LayerInfo | undefined> => {
  const root = mkdtempSync(join(directory, 'context-'));
  writeFileSync(join(root, 'a.tar'), archive(...entries));
  return await copy(root, step);
};

const link = (path: string, linkName: string, kind: TarHeader['kind'] = 'hardlink'): Buffer =>
  encodeTarHeader({ path, kind, linkName });
const folder = (path: string): Buffer => encodeTarHeader({ path, kind: 'directory', mode: 0o755 });
const file = rawFile('a', 'x');

/** Whether GNU tar extracts it into a directory that holds what the base does. */
const tarTakes = (entries: readonly Buffer[]): boolean => {
  const root = mkdtempSync(join(directory, 'tar-'));
  writeFileSync(join(root, 'below'), '');
  return spawnSync('tar', ['-C', root, '-x'], { input: archive(...entries) }).status === 0;
};

describe('an archive that ADD cannot unpack is refused by the instruction', () => {
  test.each<[string, readonly Buffer[], string]>([
    ['a link to nothing', [link('b', 'nope')], 'b: a hard link to nope, which does not exist'],
    ['a link to nothing above the root', [link('b', '../../etc/passwd')], 'etc/passwd, which does not'],
    ['a link to a later entry', [link('b', 'a'), file], 'b: a hard link to a, which does not exist'],
    ['a link to itself', [link('a', 'a')], 'a: a hard link to a, which does not exist'],
    ['a link to a directory', [folder('d'), link('b', 'd')], 'b: a hard link to a directory'],
    ['a link to a directory in the place of a file', [file, folder('a'), link('b', 'a')], 'to a directory'],
    ['a link to the root', [link('b', '/')], 'b: '],
    ['a link through a file', [file, link('b', 'a/c')], 'b: a is no directory'],
    ['a file in a file', [file, rawFile('a/b', '')], 'a/b: a is no directory'],
    ['a file behind a loop of links', [link('s', 's', 'symlink'), rawFile('s/f', '')], 's/f: too many'],
    ['a link to nothing in the base', [link('b', 'folder/nope')], 'folder/nope, which does not exist'],
  ])('%s', async (_, entries, reason) => {
    for (const below of [[], [base]]) {
      const error: unknown = await add(entries, { below }).catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({
        code: stepsErrors.layerRefused.code,
        message: expect.stringMatching(/^the archive a\.tar .*\nDockerfile:2\nADD a\.tar/u) as string,
      });
      expect(error).toMatchObject({ message: expect.stringContaining(reason) as string });
    }
    expect(tarTakes(entries)).toBe(false);
  });

  test('a link to a file of the base, where the layer stands by itself', async () => {
    const entries = [link('b', 'below')];
    await expect(add(entries, { below: [base], link: true })).rejects.toMatchObject({
      code: stepsErrors.layerRefused.code,
    });
    await expect(add(entries)).rejects.toMatchObject({ code: stepsErrors.layerRefused.code });
  });
});

describe('what ADD unpacks can be used', () => {
  test.each<[string, readonly Buffer[]]>([
    ['a link to a file of the base', [link('b', 'below')]],
    ['a link to a file that came twice', [file, rawFile('a', 'y'), link('b', 'a')]],
    ['a link to a link', [file, link('s', 'a', 'symlink'), link('b', 's')]],
    ['a link behind a link', [folder('d'), rawFile('d/f', ''), link('s', 'd', 'symlink'), link('b', 's/f')]],
    ['a link that names the root', [file, link('b', '/../a')]],
  ])('%s', async (_, entries) => {
    const layer = await add(entries, { below: [base] });
    await using view = await layers.mountReadOnly(layer === undefined ? [] : [base, layer.diffId]);
    expect(readdirSync(view.path)).toContain('b');
    expect(tarTakes(entries)).toBe(true);
  });
});

test('a file whose name no layer can hold is refused by COPY', async () => {
  const root = mkdtempSync(join(directory, 'context-'));
  writeFileSync(join(root, '.wh.'), '');
  await expect(copy(root, { unpack: false })).rejects.toMatchObject({
    code: stepsErrors.layerRefused.code,
    message: expect.stringContaining('.wh.: a whiteout without a name\nDockerfile:2') as string,
  });
});
