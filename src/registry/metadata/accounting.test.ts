import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { openDatabase } from '#database';
import fc from 'fast-check';
import { sha256Of, type Digest } from '#oci';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { metadataErrors, openMetadata, readManifest, type MetadataStore } from './index.ts';
import { recountUsage } from './recount.ts';

const OCI_IMAGE = 'application/vnd.oci.image.manifest.v1+json';
const OCI_INDEX = 'application/vnd.oci.image.index.v1+json';
const cause = { actor: 'ann' };

let dir: string;
let path: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'lade-accounting-'));
  path = join(dir, 'db');
});
afterEach(() => rm(dir, { recursive: true }));

const sizeOf = (content: string): number => 1000 * content.length + content.charCodeAt(0);
const blobOf = (content: string): { readonly digest: Digest; readonly size: number } => ({
  digest: sha256Of(content),
  size: sizeOf(content),
});

interface Made {
  readonly bytes: Buffer;
  readonly digest: Digest;
}

const made = (value: unknown): Made => {
  const bytes = Buffer.from(JSON.stringify(value));
  return { bytes, digest: sha256Of(bytes) };
};

const imageOf = (layers: readonly string[]): Made => {
  const [config, ...rest] = layers.map((content) => ({ mediaType: 'application/x', ...blobOf(content) }));
  return made({ schemaVersion: 2, mediaType: OCI_IMAGE, config, layers: rest });
};

const indexOf = (images: readonly Made[]): Made =>
  made({
    schemaVersion: 2,
    mediaType: OCI_INDEX,
    manifests: images.map(({ bytes, digest }) => ({ mediaType: OCI_IMAGE, digest, size: bytes.length })),
  });

const link = (store: MetadataStore, repository: string, content: string): Promise<void> =>
  store.contents.linkBlob({ repository, ...blobOf(content), how: 'push', cause });

const put = (
  store: MetadataStore,
  repository: string,
  { bytes, digest }: Made,
  tags: readonly string[],
): Promise<void> => {
  const facts = readManifest(bytes, '');
  return store.contents.putManifest({ repository, digest, bytes, facts, tags, cause });
};

const pushImage = async (
  store: MetadataStore,
  repository: string,
  layers: readonly string[],
  tags: readonly string[],
): Promise<Made> => {
  for (const layer of layers) await link(store, repository, layer);
  const image = imageOf(layers);
  await put(store, repository, image, tags);
  return image;
};

/** The same figures, counted from the rows by plain code. */
const oracle = () => {
  const sqlite = new DatabaseSync(path, { readOnly: true });
  const rows = sqlite
    .prepare(
      `SELECT repository, 'b' || digest AS content, size FROM links JOIN blobs USING (digest)
       UNION ALL SELECT repository, 'm' || digest, size FROM manifests`,
    )
    .all() as { repository: string; content: string; size: number }[];
  const names = sqlite.prepare('SELECT name FROM repositories').all() as { name: string }[];
  sqlite.close();
  const accountOf = (isMine: (repository: string) => boolean) => {
    const mine = new Map(rows.filter((row) => isMine(row.repository)).map((row) => [row.content, row.size]));
    const others = new Set(rows.filter((row) => !isMine(row.repository)).map((row) => row.content));
    let [total, unique] = [0, 0];
    for (const [content, size] of mine) {
      total += size;
      if (!others.has(content)) unique += size;
    }
    return { total, unique, shared: total - unique };
  };
  const namespaces = [...new Set(names.map(({ name }) => name.split('/')[0] ?? ''))];
  return {
    repositories: Object.fromEntries(names.map(({ name }) => [name, accountOf((other) => other === name)])),
    namespaces: Object.fromEntries(
      namespaces.map((space) => [space, accountOf((name) => name === space || name.startsWith(`${space}/`))]),
    ),
    total: accountOf(() => true).total,
  };
};

const figures = ({ accounting }: MetadataStore) => {
  const all = { limit: 1000, after: '' };
  const bytes = ({ total, unique, shared }: { total: number; unique: number; shared: number }) => ({
    total,
    unique,
    shared,
  });
  return {
    repositories: Object.fromEntries(
      accounting.repositories(all).map((usage) => [usage.repository, bytes(usage)]),
    ),
    namespaces: Object.fromEntries(
      accounting.namespaces(all).map((usage) => [usage.namespace, bytes(usage)]),
    ),
    total: accounting.registry().total,
  };
};

describe('accounting', () => {
  test('shares what several repositories and namespaces have', async () => {
    await using store = await openMetadata(path);
    const { accounting } = store;
    const image = await pushImage(store, 'team/a', ['c', 'base'], ['v1']);
    const manifest = image.bytes.length;
    const [c, base] = [sizeOf('c'), sizeOf('base')];
    const whole = c + base + manifest;
    expect(accounting.repository('team/a')).toEqual({
      repository: 'team/a',
      blobs: 2,
      manifests: 1,
      total: whole,
      unique: whole,
      shared: 0,
    });
    await link(store, 'team/b', 'base');
    expect(accounting.repository('team/a')).toMatchObject({ unique: whole - base, shared: base });
    expect(accounting.namespace('team')).toEqual({
      namespace: 'team',
      repositories: 2,
      total: whole,
      unique: whole,
      shared: 0,
    });
    await link(store, 'team-b', 'base');
    await link(store, 'zoo', 'base');
    expect(figures(store)).toEqual(oracle());
    expect(accounting.namespace('team')).toMatchObject({ total: whole, unique: whole - base, shared: base });
    expect(accounting.registry()).toEqual({ repositories: 4, total: whole });
    await store.contents.unlinkBlob({ repository: 'zoo', target: blobOf('base').digest, cause });
    await store.contents.unlinkBlob({ repository: 'team-b', target: blobOf('base').digest, cause });
    expect(accounting.namespace('team')).toMatchObject({ total: whole, unique: whole });
    expect(accounting.namespace('zoo')).toMatchObject({ total: 0 });
    expect(accounting.repositories({ namespace: 'team', limit: 9, after: 'team/a' })).toMatchObject([
      { repository: 'team/b', total: base, unique: 0 },
    ]);
    expect(await accounting.recount()).toMatchObject({ repositories: 4, namespaces: 3, faults: [] });
    expect(figures(store)).toEqual(oracle());
  });

  test('a recount finds what is not so', async () => {
    await (async () => {
      await using store = await openMetadata(path);
      await store.policies.configure({ quotas: [{ repositories: '**', bytes: 100 }] });
      await store.policies.configure({ quotas: [{ repositories: '**', bytes: 1e6 }] });
      await pushImage(store, 'team/a', ['c', 'base'], ['v1']);
      await store.policies.configure({ quotas: [{ repositories: '**', bytes: 100 }] });
    })();
    const sqlite = new DatabaseSync(path);
    sqlite.exec(`UPDATE usage_repositories SET unique_bytes = unique_bytes + 1;
      UPDATE usage_namespaces SET total_bytes = 5 WHERE namespace = '';
      UPDATE quota_scopes SET used = 1`);
    sqlite.close();
    await using store = await openMetadata(path);
    const { faults } = await store.accounting.recount();
    expect(faults).toMatchObject([
      { of: 'repository', name: 'team/a' },
      { of: 'registry', name: '', counted: { total_bytes: 5 } },
      { of: 'quota', counted: { used: 1 } },
    ]);
    await store.accounting.repair();
    expect((await store.accounting.recount()).faults).toEqual([]);
    expect(figures(store)).toEqual(oracle());
    expect(store.policies.quotas()).toMatchObject([{ used: oracle().total, limit: 100 }]);
  });

  test('tags: what is shared with other tags, indexes and repositories', async () => {
    await using store = await openMetadata(path);
    const { accounting } = store;
    const one = await pushImage(store, 'r', ['c1', 'base', 'l1'], ['one']);
    const two = await pushImage(store, 'r', ['c2', 'base', 'l2'], ['two']);
    const own = sizeOf('c1') + sizeOf('l1') + one.bytes.length;
    expect(accounting.tag('r', 'one')).toEqual({
      tag: 'one',
      digest: one.digest,
      manifests: 1,
      blobs: 3,
      total: own + sizeOf('base'),
      unique: own,
      shared: sizeOf('base'),
    });
    // An index of both takes what is theirs alone; the other tag of the same manifest likewise.
    const index = indexOf([one, two]);
    await put(store, 'r', index, ['both']);
    const every = own + sizeOf('base') + sizeOf('c2') + sizeOf('l2') + two.bytes.length + index.bytes.length;
    expect(accounting.tag('r', 'one')).toMatchObject({ total: own + sizeOf('base'), unique: 0 });
    expect(accounting.tag('r', 'both')).toMatchObject({
      manifests: 3,
      blobs: 5,
      total: every,
      unique: index.bytes.length,
    });
    await store.contents.removeTag({ repository: 'r', target: 'one', cause });
    await store.contents.removeTag({ repository: 'r', target: 'two', cause });
    expect(accounting.tag('r', 'both')).toMatchObject({ total: every, unique: every });
    await link(store, 'other', 'base');
    expect(accounting.tag('r', 'both')).toMatchObject({ unique: every - sizeOf('base') });
    await put(store, 'r', index, ['again']);
    expect(accounting.tags({ repository: 'r', limit: 5, after: '' })).toMatchObject([
      { tag: 'again', total: every, unique: 0, shared: every },
      { tag: 'both', total: every, unique: 0, shared: every },
    ]);
    expect(accounting.tag('r', 'none')).toBeUndefined();
  });
});

const REPOSITORIES = ['team/a', 'team/b', 'team', 'team-x', 'zoo/a'] as const;
const CONTENTS = ['a', 'bb', 'ccc', 'dddd'] as const;

test('every order in which three repositories come to hold a content, and lose it', async () => {
  await using store = await openMetadata(path);
  const { digest } = blobOf('a');
  const check = (...names: readonly string[]): void => expect(figures(store), names.join()).toEqual(oracle());
  for (const one of REPOSITORIES)
    for (const two of REPOSITORIES)
      for (const three of REPOSITORIES) {
        if (new Set([one, two, three]).size < 3) continue;
        for (const repository of [one, two, three]) {
          await link(store, repository, 'a');
          check('made', one, two, three);
        }
        for (const repository of [two, one, three]) {
          await store.contents.unlinkBlob({ repository, target: digest, cause });
          check('removed', one, two, three);
        }
      }
});

test('any order of pushes, links, removals, collections and undos counts as a recount does', async () => {
  const step = fc.record({
    kind: fc.constantFrom('push', 'index', 'link', 'unlink', 'untag', 'remove', 'collect', 'undo'),
    repository: fc.constantFrom(...REPOSITORIES),
    layers: fc.uniqueArray(fc.constantFrom(...CONTENTS), { minLength: 1, maxLength: 3 }),
    tag: fc.constantFrom('v1', 'v2'),
  });
  type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

  const run = async (store: MetadataStore, { kind, repository, layers, tag }: Step): Promise<unknown> => {
    const image = imageOf(layers);
    const content = layers[0] ?? '';
    const { digest } = blobOf(content);
    switch (kind) {
      case 'push':
        return await pushImage(store, repository, layers, [tag]);
      case 'index':
        return await put(store, repository, indexOf([image]), [tag]);
      case 'link':
        return await link(store, repository, content);
      case 'unlink':
        return await store.contents.unlinkBlob({ repository, target: digest, cause });
      case 'untag':
        return await store.contents.removeTag({ repository, target: tag, cause });
      case 'remove': {
        const target = { digest: image.digest, mediaType: '', size: 1 };
        return await store.contents.removeManifest({ repository, target, cause });
      }
      case 'collect': {
        const removal = await store.collection.beginRemoval({ kind: 'gc', cause });
        const digests = CONTENTS.map((each) => blobOf(each).digest);
        const links = { repository, digests, reason: 'free', beforeMs: Date.now() + 1 };
        await store.collection.removeLinks(removal, links);
        return await store.collection.finishRemoval(removal, cause);
      }
      case 'undo':
        break;
    }
    const [last] = store.collection.removals({ limit: 1, clientDeletes: true });
    return last === undefined ? undefined : await store.collection.undoRemoval(last.id, cause);
  };

  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 60 }), async (steps) => {
      path = join(dir, String(Math.random()));
      await using store = await openMetadata(path);
      await store.policies.configure({
        quotas: [
          { repositories: '**', bytes: 1e9 },
          { repositories: 'team/**', bytes: 1e9, each: 'repository' },
          { repositories: '*/**', bytes: 1e9, each: 'namespace' },
        ],
      });
      for (let at = 0; at < steps.length; at += 4)
        await Promise.all(
          steps.slice(at, at + 4).map((one) =>
            run(store, one).catch((error: unknown) => {
              if (!metadataErrors.removalGone.is(error) && !metadataErrors.manifestBlobUnknown.is(error))
                throw error;
            }),
          ),
        );
      expect(figures(store)).toEqual(oracle());
      const { repositories, namespaces, total } = oracle();
      for (const { repositories: rule, scope, used } of store.policies.quotas()) {
        const expected =
          scope === undefined ? total : (rule === 'team/**' ? repositories[scope] : namespaces[scope])?.total;
        expect(used, `${rule} ${scope ?? ''}`).toBe(expected);
      }
      await using database = await openDatabase({ path, migrations: [], readOnly: true });
      expect(recountUsage(database).faults).toEqual([]);
    }),
    { numRuns: 15 },
  );
});
