import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import type { LayerEntry, LayerWriter } from '#layers';
import { selectFiles, sourcesErrors, type FileTree } from '#sources';
import { testTree } from '../sources/testing.ts';
import { layOut } from './layout.ts';
import { writeEntries } from './write-entries.ts';

const home = mkdtempSync(join(tmpdir(), 'lade-steps-'));
afterAll(() => rmSync(home, { recursive: true, force: true }));

const signal = new AbortController().signal;
const place = { file: 'Dockerfile', line: 1, excerpt: '' };

const writerTo = (entries: LayerEntry[]): LayerWriter => ({
  add: async (entry) => {
    if (entry.source?.kind === 'stream') for await (const chunk of entry.source.stream) void chunk;
    entries.push(entry);
  },
  reuse: () => Promise.resolve(false),
  whiteout: () => Promise.resolve(),
  opaque: () => Promise.resolve(),
});

describe('a file that changes while it is copied', () => {
  const placed = async (tree: FileTree) => {
    const request = { tree, sources: ['.'], excludes: [], parents: false, chmod: undefined, place, signal };
    const { sources } = await selectFiles(request);
    return layOut({
      sources,
      inline: [],
      destination: '/to/',
      ground: { root: undefined },
      link: false,
      place,
    });
  };

  test.each([
    ['a small one', 'x', 'y'],
    ['a small one that grows', 'x', 'xx'],
    ['a large one', 'x'.repeat(3 << 20), 'y'.repeat(3 << 20)],
    ['a large one that shrinks', 'x'.repeat(3 << 20), 'x'.repeat(2 << 20)],
    ['one that becomes a link', 'x', undefined],
  ])('%s is refused', async (name, before, after) => {
    const tree = testTree(join(home, `changing ${name}`), { 'd/f': before, other: 'o' });
    const entries = await placed(tree);
    const request = { tree, entries, owner: undefined, clampToNs: undefined, signal };
    const written: LayerEntry[] = [];
    await writeEntries(request, writerTo(written));
    expect(written.map((entry) => entry.path)).toEqual(['to', 'to/d', 'to/d/f', 'to/other']);
    if (after === undefined) {
      rmSync(join(tree.root, 'd/f'));
      symlinkSync('../other', join(tree.root, 'd/f'));
    } else writeFileSync(join(tree.root, 'd/f'), after);
    const error: unknown = await writeEntries(request, writerTo([])).catch((reason: unknown) => reason);
    expect(sourcesErrors.contextChanged.is(error)).toBe(true);
  });

  test('also when a directory above it becomes a link', async () => {
    const tree = testTree(join(home, 'swapped'), { 'd/f': 'x', 'e/f': 'x' });
    const entries = await placed(tree);
    rmSync(join(tree.root, 'd'), { recursive: true });
    symlinkSync('e', join(tree.root, 'd'));
    const writing = writeEntries(
      { tree, entries, owner: undefined, clampToNs: undefined, signal },
      writerTo([]),
    );
    await expect(writing).rejects.toMatchObject({ code: sourcesErrors.contextChanged.code });
  });
});
