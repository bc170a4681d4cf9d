import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isLadeError } from '#errors';
import type { DiffId } from '#oci';
import { openTestStore, tarBytes, type TestStore } from '../testing.ts';
import type { BackendName } from '../types.ts';
import { CASES, type CaseLayer } from './cases.ts';
import { packOwnSystem } from './gnu-tar.ts';
import { unpackByUmoci, withoutOwnTimes, type Reference } from './reference.ts';
import { listTree } from './tree-listing.ts';

/** The forms that a suite ran on. */
export type Ran = Set<BackendName>;

const references = new Map<string, Reference>();

/** What umoci makes of a case; asked once for all forms. */
const referenceOf = (name: string, tars: readonly Buffer[]): Reference => {
  const known = references.get(name) ?? unpackByUmoci(tars);
  references.set(name, known);
  return known;
};

const tarsOf = (layers: readonly CaseLayer[]): Promise<Buffer[]> =>
  Promise.all(layers.map(async (layer) => (Buffer.isBuffer(layer) ? layer : await tarBytes(layer))));

/** Both ways in which a stack is seen: a view, and a container's root. */
const listBoth = async (
  opened: TestStore,
  tars: readonly Buffer[],
): Promise<readonly (readonly string[])[]> => {
  const { store } = opened;
  const layers: DiffId[] = [];
  for (const tar of tars) {
    const stream = Readable.from([tar]);
    layers.push((await store.unpack({ kind: 'stream', stream, compression: 'none' })).diffId);
  }
  await using view = await store.mountReadOnly(layers);
  const snapshot = await store.createSnapshot({ id: 'seen', layers, kind: 'build' });
  try {
    return [listTree(view.path), listTree(await snapshot.mount())];
  } finally {
    await snapshot.remove();
  }
};

/** Everything that both forms must do alike; the reference is `umoci unpack`. */
export const describeConformance = (backend: BackendName, ran: Ran): void => {
  let opened: TestStore;
  beforeAll(async () => {
    opened = await openTestStore(backend);
    ran.add(opened.store.backend);
  });
  afterAll(() => opened[Symbol.asyncDispose]());

  describe('the same as umoci unpack', () => {
    test('files of this machine, packed by GNU tar', async () => {
      const tars = [packOwnSystem()];
      const reference = referenceOf('own system', tars);
      if (reference.kind === 'refused') throw new Error(reference.reason);
      for (const lines of await listBoth(opened, tars)) {
        const [ours, wanted] = withoutOwnTimes(lines.slice(1), {
          ...reference,
          lines: reference.lines.slice(1),
        });
        expect(ours).toEqual(wanted);
        expect(ours.length).toBeGreaterThan(100);
      }
    });

    test.each(Object.keys(CASES))('%s', { timeout: 300_000 }, async (name) => {
      const tars = await tarsOf(CASES[name] ?? []);
      const reference = referenceOf(name, tars);
      if (reference.kind === 'refused') {
        const refusal = await listBoth(opened, tars).then(
          () => undefined,
          (error: unknown) => error,
        );
        expect(isLadeError(refusal, 'corrupt'), `umoci: ${reference.reason}\nhere: ${String(refusal)}`).toBe(
          true,
        );
        expect(name).toMatch(/ is refused$/);
        return;
      }
      for (const lines of await listBoth(opened, tars)) {
        const [ours, wanted] = withoutOwnTimes(lines, reference);
        expect(ours).toEqual(wanted);
      }
    });
  });
};
