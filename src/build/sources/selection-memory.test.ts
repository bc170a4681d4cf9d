import { hash } from 'node:crypto';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createPatternMatcher } from '#dockerfile';
import type { FileTree } from './file-tree.ts';
import { selectFiles, type Selection } from './select-files.ts';
import { createTreeMemory, lookAt, type TreeLooks } from './tree-memory.ts';

let root = '';
const at = (name: string): string => join(root, name);
const FILES = ['a', 'd/b', 'd/e/c', 'd/x.log'];
/** Later than directories stay young, which are not remembered. */
const LATER_MS = 60_000;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'selection-memory-'));
  mkdirSync(at('d/e'), { recursive: true });
  for (const name of FILES) writeFileSync(at(name), name);
  symlinkSync('b', at('d/link'));
  // Whatever is changed gets another time, however fast.
  for (const name of [...FILES, 'd/e', 'd', '']) utimesSync(at(name), 1e9, 1e9);
  const now = Date.now() + LATER_MS;
  vi.spyOn(Date, 'now').mockReturnValue(now);
});

afterEach(() => {
  vi.restoreAllMocks();
  rmSync(root, { recursive: true });
});

interface TreeOptions {
  readonly ignored?: readonly string[];
  /** Names whose digests nobody knows yet. */
  readonly unknown?: ReadonlySet<string>;
}

const treeOf = (looks: TreeLooks | undefined, { ignored = [], unknown }: TreeOptions = {}): FileTree => ({
  root,
  label: 'the build context',
  digests: {
    digest(name) {
      const digest = hash('sha256', readFileSync(at(name)));
      return unknown?.has(name) === true ? Promise.resolve(digest) : digest;
    },
    looks,
    flush: () => Promise.resolve(),
  },
  ignore: { matcher: createPatternMatcher(ignored), file: '.dockerignore', text: ignored.join('\n') },
  keepsOwners: false,
});

const select = (tree: FileTree, ...more: readonly [Partial<Parameters<typeof selectFiles>[0]>?]) =>
  selectFiles({
    tree,
    sources: ['d'],
    excludes: [],
    parents: false,
    chmod: undefined,
    place: { file: 'Dockerfile', line: 1, excerpt: '' },
    signal: new AbortController().signal,
    ...more[0],
  });

const told = ({ sources, parts }: Selection): unknown => ({
  parts,
  sources: sources.map(({ kind, baseName, entries }) => ({
    kind,
    baseName,
    entries: entries.map(({ name, relative, digest, linkName, mode, stats }) => [
      [name, relative, digest, linkName, mode],
      [stats.mtimeNs, stats.ctimeNs, stats.ino, stats.size],
    ]),
  })),
});

test('gives the same sources while nothing changes', async () => {
  const looks = createTreeMemory(root);
  const first = await select(treeOf(looks));
  const second = await select(treeOf(looks));
  expect(second.sources[0]).toBe(first.sources[0]);
  expect(second.parts).toEqual(first.parts);
});

test.each<[string, () => void]>([
  ['content of the same length', () => writeFileSync(at('d/b'), 'xyz')],
  ['mode', () => chmodSync(at('d/e/c'), 0o600)],
  ['mode of the directory itself', () => chmodSync(at('d'), 0o700)],
  ['mode of a directory below', () => chmodSync(at('d/e'), 0o700)],
  ['time', () => utimesSync(at('d/b'), 5, 5)],
  ['a new file', () => writeFileSync(at('d/e/new'), '')],
  ['a file less', () => rmSync(at('d/b'))],
  ['another target of a link', () => (rmSync(at('d/link')), symlinkSync('e', at('d/link')))],
  ['a file in the place of another', () => renameSync(at('a'), at('d/b'))],
  ['a directory renamed', () => renameSync(at('d/e'), at('d/f'))],
  ['a directory in the place of a file', () => (rmSync(at('d/b')), mkdirSync(at('d/b')))],
  ['a link in the place of the directory', () => (renameSync(at('d'), at('o')), symlinkSync('o', at('d')))],
])('sees a change as anew: %s', async (_name, change) => {
  const looks = createTreeMemory(root);
  const before = await select(treeOf(looks));
  expect((await select(treeOf(looks))).sources[0]).toBe(before.sources[0]);
  change();
  const after = await select(treeOf(looks));
  expect(told(after)).toEqual(told(await select(treeOf(lookAt(root)))));
  expect(after.sources[0]).not.toBe(before.sources[0]);
});

test('tells apart what is excluded, ignored, taken with its parents and given another mode', async () => {
  const looks = createTreeMemory(root);
  const requests: readonly (readonly [TreeOptions, Parameters<typeof select>[1]])[] = [
    [{}, {}],
    [{}, { excludes: ['*.log'] }],
    [{ ignored: ['d/e'] }, {}],
    [{}, { parents: true }],
    [{}, { sources: ['d/e'] }],
    [{}, { sources: ['d/e'], parents: true }],
    [{}, { sources: ['d/./e'], parents: true }],
    [{}, { sources: ['.'] }],
    [{}, { chmod: () => 0o640 }],
  ];
  const plain = await Promise.all(requests.map(([tree, more]) => select(treeOf(undefined, tree), more)));
  for (let round = 0; round < 2; round += 1) {
    const found: Selection[] = [];
    for (const [tree, more] of requests) found.push(await select(treeOf(looks, tree), more));
    expect(found.map(told)).toEqual(plain.map(told));
  }
});

test('remembers nothing of files that are read each time', async () => {
  const looks = createTreeMemory(root);
  const unknown = new Set(['d/e/c']);
  const first = await select(treeOf(looks, { unknown }));
  const second = await select(treeOf(looks, { unknown }));
  expect(second.sources[0]).not.toBe(first.sources[0]);
  expect(told(second)).toEqual(told(first));
});

test('asks for names and for targets of links even where no stat tells of a change', async () => {
  const inner = lookAt(root);
  const stats = new Map<string, ReturnType<TreeLooks['stats']>>();
  const names = new Map<string, readonly string[]>();
  const looks: TreeLooks = {
    stats: (name) => stats.get(name) ?? stats.set(name, inner.stats(name)).get(name),
    children: (name) => names.get(name) ?? names.set(name, inner.children(name)).get(name) ?? [],
  };
  const before = await select(treeOf(looks));
  rmSync(at('d/link'));
  symlinkSync('c', at('d/link'));
  const linked = await select(treeOf(looks));
  expect(linked.sources[0]?.entries.find(({ name }) => name === 'd/link')?.linkName).toBe('c');
  expect(linked.parts).not.toEqual(before.parts);
  names.clear();
  writeFileSync(at('d/new'), '');
  const grown = await select(treeOf(looks));
  expect(grown.sources[0]?.entries.map(({ name }) => name)).toContain('d/new');
});
