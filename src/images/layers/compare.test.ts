import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isLadeError } from '#errors';
import { parseDiffId, type DiffId } from '#oci';
import type { TarSource } from '#tar';
import type { CompareRequest, StackDifference } from './compare-types.ts';
import { listLayers, openTestStore, unpackEntries, type TestStore } from './testing.ts';

let opened: TestStore;
beforeAll(async () => {
  opened = await openTestStore('directories');
});
afterAll(() => opened[Symbol.asyncDispose]());

const compare = async (request: CompareRequest): Promise<readonly StackDifference[]> => {
  const found: StackDifference[] = [];
  for await (const batch of opened.store.compare(request)) found.push(...batch);
  return found;
};
const layer = (...sources: readonly TarSource[]): Promise<DiffId> => unpackEntries(opened.store, sources);
const file = (path: string, content: string, more: Partial<TarSource> = {}): TarSource => ({
  path,
  kind: 'file',
  mode: 0o644,
  content: Buffer.from(content),
  ...more,
});
const directory = (path: string, mode = 0o755): TarSource => ({ path, kind: 'directory', mode });

const brief = ({ path, before, after, aspects }: StackDifference): string => {
  const size = (entry: StackDifference['before']): string => (entry === undefined ? '-' : String(entry.size));
  return `${path} ${size(before)} ${size(after)} ${aspects.join(',')}`.trim();
};

describe('two stacks', () => {
  test('what is added, removed and changed, in which way, sorted', async () => {
    const base = await layer(
      directory('etc'),
      file('etc/same', 'same'),
      file('etc/gone', 'gone'),
      file('etc/mode', 'm'),
      file('etc/owner', 'o'),
      file('etc/text', 'old!'),
      file('etc/bigger', 'one'),
      file('etc/late', 'l'),
      file('etc/attribute', 'a'),
      file('etc/kind', 'k'),
      { path: 'etc/link', kind: 'symlink', linkName: 'same' },
      { path: 'etc/device', kind: 'char', major: 1, minor: 3 },
      directory('opt/tree/deep'),
      file('opt/tree/deep/file', '12345'),
    );
    const above = await layer(
      file('etc/.wh.gone', ''),
      file('etc/same', 'same', { mtimeNs: 5n }),
      file('etc/mode', 'm', { mode: 0o600 }),
      file('etc/owner', 'o', { uid: 7 }),
      file('etc/text', 'new!'),
      file('etc/bigger', 'three'),
      file('etc/attribute', 'a', { xattrs: new Map([['user.x', Buffer.from([1, 0])]]) }),
      directory('etc/kind'),
      { path: 'etc/link', kind: 'symlink', linkName: 'text' },
      { path: 'etc/device', kind: 'char', major: 1, minor: 5 },
      file('.wh.opt', ''),
      directory('new'),
      file('new/file', '123'),
    );
    const expected = [
      '/etc/attribute 1 1 xattr',
      '/etc/bigger 3 5 content',
      '/etc/device 0 0 device',
      '/etc/gone 4 -',
      '/etc/kind 1 0 kind,mode',
      '/etc/link 0 0 link',
      '/etc/mode 1 1 mode',
      '/etc/owner 1 1 owner',
      '/etc/text 4 4 content',
      '/new - 0',
      '/new/file - 3',
      '/opt 0 -',
      '/opt/tree 0 -',
      '/opt/tree/deep 0 -',
      '/opt/tree/deep/file 5 -',
    ];
    expect((await compare({ before: [base], after: [base, above] })).map(brief)).toEqual(expected);
    const back = await compare({ before: [base, above], after: [base] });
    expect(back.map(({ path }) => path)).toEqual(expected.map((line) => line.split(' ')[0]));
    const timed = await compare({ before: [base], after: [base, above], times: true, paths: ['/etc/same'] });
    expect(timed.map(brief)).toEqual(['/etc/same 4 4 time']);
  });

  test('only what lies below the wanted paths', async () => {
    const one = await layer(file('a/b/c', '1'), file('a/bb', '2'), file('d/e', '3'));
    const found = await compare({ before: [], after: [one], paths: ['/a/b', 'd/e/', '/nothing'] });
    expect(found.map(({ path }) => path)).toEqual(['/a/b', '/a/b/c', '/d/e']);
    expect(await compare({ before: [], after: [one], paths: ['/'] })).toHaveLength(6);
  });

  test('the same bytes in other layers are no difference; opaque directories hide, links to files below copy', async () => {
    const base = await layer(directory('d'), file('d/old', 'o'), file('d/linked', 'text'));
    const opaque = await layer(directory('d'), file('d/.wh..wh..opq', ''), file('d/new', 'n'));
    const linking = await layer({ path: 'd/again', kind: 'hardlink', linkName: 'd/linked' });
    const flat = await layer(directory('d'), file('d/new', 'n'));
    expect(await compare({ before: [base, opaque], after: [flat] })).toEqual([]);
    expect((await compare({ before: [base], after: [base, linking] })).map(brief)).toEqual(['/d/again - 4']);
    const other = await layer({ path: 'x', kind: 'symlink', linkName: 'd' }, file('x/through', 't'));
    expect((await compare({ before: [base], after: [base, other] })).map(brief)).toEqual([
      '/d/through - 1',
      '/x - 0',
    ]);
  });

  test('large and sparse files are compared to their last byte', async () => {
    const bytes = Buffer.alloc(200_000, 7);
    const other = Buffer.from(bytes);
    other[199_999] = 8;
    const one = await layer(file('big', '', { content: bytes }));
    const two = await layer(file('big', '', { content: other }));
    const three = await layer(file('big', '', { content: bytes }), file('more', ''));
    expect((await compare({ before: [one], after: [two] })).map(brief)).toEqual([
      '/big 200000 200000 content',
    ]);
    expect((await compare({ before: [one], after: [three] })).map(brief)).toEqual(['/more - 0']);
  });

  test('127 layers, and more differences than one batch has', async () => {
    const stack: DiffId[] = [];
    for (let number = 0; number < 127; number += 1)
      stack.push(await layer(...Array.from({ length: 10 }, (_, index) => file(`f/${number}-${index}`, 'x'))));
    expect(await compare({ before: stack.slice(0, 1), after: stack })).toHaveLength(1_260);
    expect(await compare({ before: stack, after: stack })).toEqual([]);
  });

  test('stops when nobody takes more, when aborted, and at a layer that is not here', async () => {
    const many = await layer(...Array.from({ length: 2_000 }, (_, index) => file(`m/${index}`, 'x')));
    for await (const batch of opened.store.compare({ before: [], after: [many] })) {
      expect(batch).toHaveLength(500);
      break;
    }
    const aborted = compare({ before: [], after: [many], signal: AbortSignal.abort() });
    await expect(aborted).rejects.toSatisfy((error) => isLadeError(error, 'cancelled'));
    const absent = parseDiffId(`sha256:${'0'.repeat(64)}`);
    await expect(compare({ before: [absent], after: [] })).rejects.toSatisfy((error) =>
      isLadeError(error, 'not-found'),
    );
  });
});

test('what is told is what mounting both and looking at every path would tell', async () => {
  const name = fc.constantFrom('a', 'b', 'c');
  const path = fc.array(name, { minLength: 1, maxLength: 3 }).map((names) => names.join('/'));
  const source: fc.Arbitrary<TarSource> = fc.oneof(
    fc.record({ kind: fc.constant('directory' as const), path, mode: fc.constantFrom(0o700, 0o755) }),
    fc.record({
      kind: fc.constant('file' as const),
      path,
      mode: fc.constantFrom(0o600, 0o644),
      content: fc.constantFrom('x', 'y', 'zz').map((text) => Buffer.from(text)),
    }),
    fc.record({ kind: fc.constant('symlink' as const), path, linkName: path }),
    fc.record({ kind: fc.constant('hardlink' as const), path, linkName: path }),
    path.map((at): TarSource => ({ kind: 'file', path: at.replace(/[^/]*$/, '.wh.$&') })),
  );
  const layers = fc.array(fc.array(source, { maxLength: 4 }), { maxLength: 2 });
  /** `path` → everything else that the listing says, times left out. */
  const listing = async (stack: readonly DiffId[]): Promise<ReadonlyMap<string, string>> => {
    if (stack.length === 0) return new Map();
    const lines = await listLayers(opened.store, stack);
    return new Map(
      lines.map((line) => [line.split(' ')[0] ?? '', line.replace(/ @-?\d+/, '').replace(/ = \S+$/, '')]),
    );
  };
  await fc.assert(
    fc.asyncProperty(layers, layers, layers, async (common, left, right) => {
      const make = async (each: readonly (readonly TarSource[])[]): Promise<readonly DiffId[]> => {
        const ids: DiffId[] = [];
        for (const sources of each) ids.push(await layer(...sources));
        return ids;
      };
      let before: readonly DiffId[];
      let after: readonly DiffId[];
      let expected: readonly string[];
      try {
        const base = await make(common);
        before = [...base, ...(await make(left))];
        after = [...base, ...(await make(right))];
        const [was, is] = [await listing(before), await listing(after)];
        const paths = new Set([...was.keys(), ...is.keys()]);
        expected = [...paths].filter((at) => at !== '/' && was.get(at) !== is.get(at)).toSorted();
      } catch (error) {
        if (isLadeError(error, 'corrupt')) return;
        throw error;
      }
      const told = (await compare({ before, after })).map(({ path: at }) => at);
      expect(told.filter((at) => at !== '/').toSorted()).toEqual(expected);
    }),
    { numRuns: 60 },
  );
});
