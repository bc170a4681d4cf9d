import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { asImageId, type ImageId } from '#oci';
import { createImageCache } from './image-cache.ts';
import { loadImages } from './image-rows.ts';
import { openImageStore, openRoot } from './index.ts';
import type { ImageStore, Lease, Root } from './types.ts';

let scratch: string;
let root: Root;
let store: ImageStore;
let lease: Lease;

const open = async (): Promise<void> => {
  root = await openRoot(join(scratch, 'root'));
  store = await openImageStore(root);
  lease = await store.leases.create({ label: 'test' });
};

beforeEach(async () => {
  scratch = mkdtempSync(join(tmpdir(), 'lade-cache-'));
  await open();
});

afterEach(async () => {
  await lease[Symbol.asyncDispose]();
  await root[Symbol.asyncDispose]();
  rmSync(scratch, { recursive: true });
});

const make = async (number: number): Promise<ImageId> => {
  const { digest } = await store.blobs.put(Buffer.from(`config ${number}`), { lease });
  const id = asImageId(digest);
  await store.images.put({
    id,
    platform: { os: 'linux', architecture: 'amd64' },
    created: new Date(Date.UTC(2024, 0, 1 + number)).toISOString(),
    labels: { number: String(number) },
    layers: [],
  });
  return id;
};

/** What the tables say, read by somebody who remembers nothing. */
const fresh = () => {
  const references = store.images.list().flatMap((record) => store.images.references(record.id));
  return {
    records: loadImages(root.database),
    references: references.toSorted((a, b) => (a.reference < b.reference ? -1 : 1)),
  };
};

const remembered = () => ({ records: store.images.list(), references: store.images.references() });

test('whatever happens to records and names is seen at once', async () => {
  const act = fc.record({
    what: fc.constantFrom('put', 'tag', 'digest', 'untag', 'remove', 'undo'),
    image: fc.nat(4),
    name: fc.nat(3),
    look: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(act, { maxLength: 25 }), async (acts) => {
      const ids = new Map<number, ImageId>();
      for (const { what, image, name, look } of acts) {
        const known = ids.get(image);
        const tag = `docker.io/library/name:${name}`;
        const deletion = store.deletions.begin({ cause: 'test', keepMs: 60_000 });
        if (what === 'put') ids.set(image, await make(image));
        else if (what === 'untag') await store.images.untag(tag, { deletion });
        else if (what === 'undo') {
          for (const kept of store.deletions.list())
            await store.deletions.restore(kept.id).catch(() => undefined);
        } else if (known !== undefined && store.images.get(known) !== undefined) {
          if (what === 'tag') await store.images.tag(tag, known);
          else if (what === 'remove') await store.images.remove(known, { deletion });
          else await store.images.addRepoDigest(`docker.io/library/name@${known}`, known);
        }
        if (look) expect(remembered()).toEqual(fresh());
      }
      expect(remembered()).toEqual(fresh());
      for (const record of store.images.list()) await store.images.remove(record.id);
    }),
    { numRuns: 40 },
  );
});

test('what did not change is the same object as before', async () => {
  const one = await make(1);
  await make(2);
  const before = store.images.list();
  expect(store.images.list()).toBe(before);
  await store.images.tag('docker.io/library/one:1', one);
  const after = store.images.list();
  expect(after.find((record) => record.id !== one)).toBe(before.find((record) => record.id !== one));
  expect(after.find((record) => record.id === one)?.taggedAt).toBeGreaterThan(0);
});

test('many changes at once are read as a whole, and forgotten when they were seen', async () => {
  store.images.list();
  for (let number = 0; number < 210; number += 1) await make(number);
  expect(store.images.list()).toHaveLength(210);
  const id = store.images.list()[0]?.id;
  const cache = createImageCache({
    database: root.database,
    readReferences: (image) => store.images.references(image),
  });
  cache.records();
  await root.database.write(
    Array.from({ length: 5_000 }, () => ({
      sql: 'INSERT INTO image_changes (image) VALUES (?)',
      params: [id ?? ''],
    })),
  );
  cache.records();
  await expect
    .poll(() => root.database.get<{ n: number }>('SELECT count(*) AS n FROM image_changes')?.n)
    .toBe(0);
  if (id !== undefined) await store.images.tag('docker.io/library/later:1', id);
  expect(cache.references()).toHaveLength(1);
});

test('a store that is opened again knows what the last one wrote', async () => {
  const id = await make(1);
  await store.images.tag('docker.io/library/one:1', id);
  await lease[Symbol.asyncDispose]();
  await root[Symbol.asyncDispose]();
  await open();
  expect(store.images.references().map((item) => item.reference)).toEqual(['docker.io/library/one:1']);
});
