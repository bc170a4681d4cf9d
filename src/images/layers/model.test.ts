import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isLadeError } from '#errors';
import type { DiffId } from '#oci';
import type { TarSource } from '#tar';
import { applyToModel, ModelError } from './testing/model.ts';
import { formsHere } from './testing/forms.ts';
import { openTestStore, unpackEntries, type TestStore } from './testing.ts';

const name = fc.constantFrom('a', 'b', 'c');
const path = fc.array(name, { minLength: 1, maxLength: 3 }).map((names) => names.join('/'));
const folder = fc
  .array(name, { minLength: 0, maxLength: 2 })
  .map((names) => names.map((part) => `${part}/`).join(''));
const mode = fc.constantFrom(0o700, 0o750, 0o755);

const source: fc.Arbitrary<TarSource> = fc.oneof(
  fc.record({ kind: fc.constant('directory' as const), path, mode }),
  fc.record({
    kind: fc.constant('file' as const),
    path,
    mode,
    content: fc.nat(99).map((n) => Buffer.from(String(n))),
  }),
  fc.record({
    kind: fc.constant('symlink' as const),
    path,
    linkName: fc.oneof(
      path,
      path.map((to) => `/${to}`),
      path.map((to) => `../${to}`),
    ),
  }),
  fc.record({ kind: fc.constant('hardlink' as const), path, linkName: path }),
  fc.record({
    kind: fc.constant('file' as const),
    path: fc.tuple(folder, name).map(([into, hidden]) => `${into}.wh.${hidden}`),
  }),
);
/** An opaque marker stands before what else its layer says, as the specification wants it. */
const layer: fc.Arbitrary<readonly TarSource[]> = fc
  .tuple(
    fc.option(
      folder.filter((into) => into !== ''),
      { nil: undefined, freq: 4 },
    ),
    fc.array(source, { maxLength: 5 }),
  )
  .map(([opaque, sources]) =>
    opaque === undefined ? sources : [{ kind: 'file', path: `${opaque}.wh..wh..opq` }, ...sources],
  );

const listMerged = (root: string, at = '', first = new Map<bigint, string>()): string[] =>
  readdirSync(`${root}${at}`)
    .sort()
    .flatMap((entry) => {
      const here = `${at}/${entry}`;
      const stats = lstatSync(root + here, { bigint: true });
      const bits = (Number(stats.mode) & 0o7777).toString(8);
      if (stats.isDirectory()) return [`${here} directory ${bits}`, ...listMerged(root, here, first)];
      const same = first.get(stats.ino) ?? here;
      first.set(stats.ino, same);
      if (stats.isSymbolicLink()) return [`${here} -> ${readlinkSync(root + here)} = ${same}`];
      return [`${here} file ${bits} ${readFileSync(root + here, 'utf8')} = ${same}`];
    });

const outcome = async <T>(make: () => Promise<T> | T): Promise<T | 'refused'> => {
  try {
    return await make();
  } catch (error) {
    if (error instanceof ModelError || isLadeError(error, 'corrupt')) return 'refused';
    throw error;
  }
};

describe.each(formsHere())('%s', (backend) => {
  let opened: TestStore;
  beforeAll(async () => {
    opened = await openTestStore(backend);
  });
  afterAll(() => opened[Symbol.asyncDispose]());

  const merged = async (layers: readonly (readonly TarSource[])[]): Promise<readonly string[]> => {
    const ids: DiffId[] = [];
    for (const sources of layers) ids.push(await unpackEntries(opened.store, sources));
    await using view = await opened.store.mountReadOnly(ids);
    return listMerged(view.path);
  };

  test('any layers give what applying them one after another gives', { timeout: 300_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(layer, { minLength: 1, maxLength: 4 }), async (layers) => {
        expect(await outcome(() => merged(layers))).toEqual(await outcome(() => applyToModel(layers)));
      }),
      { numRuns: backend === 'erofs' ? 300 : 60 },
    );
  });
});
