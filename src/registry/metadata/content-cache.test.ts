import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { parseDigest, type Digest } from '#oci';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readManifest } from './manifest.ts';
import { openMetadata } from './metadata.ts';
import type { MetadataStore } from './types.ts';

const INDEX = 'application/vnd.oci.image.index.v1+json';
const CAUSE = { actor: 'test' };

const manifestNamed = (name: string) => {
  const text = { schemaVersion: 2, mediaType: INDEX, manifests: [], annotations: { name } };
  const bytes = Buffer.from(JSON.stringify(text));
  const digest = parseDigest(`sha256:${createHash('sha256').update(bytes).digest('hex')}`);
  return { bytes, digest, facts: readManifest(bytes, INDEX) };
};

const MANIFESTS = ['a', 'b', 'c'].map(manifestNamed);
const TAGS = ['v1', 'v2'];
const REPOSITORIES = ['team/one', 'team/two'];

type Step =
  | { readonly kind: 'put'; readonly repository: string; readonly manifest: number; readonly tag: string }
  | { readonly kind: 'remove'; readonly repository: string; readonly manifest: number }
  | { readonly kind: 'untag'; readonly repository: string; readonly tag: string }
  | { readonly kind: 'look' }
  | { readonly kind: 'wait' };

const repository = fc.constantFrom(...REPOSITORIES);
const manifest = fc.nat({ max: MANIFESTS.length - 1 });
const tag = fc.constantFrom(...TAGS);
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constant('put' as const), repository, manifest, tag }),
  fc.record({ kind: fc.constant('remove' as const), repository, manifest }),
  fc.record({ kind: fc.constant('untag' as const), repository, tag }),
  fc.record({ kind: fc.constant('look' as const) }),
  fc.record({ kind: fc.constant('look' as const) }),
  fc.record({ kind: fc.constant('wait' as const) }),
);

const begin = async (store: MetadataStore, one: Step): Promise<unknown> => {
  if (one.kind === 'look' || one.kind === 'wait') return undefined;
  const { repository: name } = one;
  if (one.kind === 'untag')
    return store.contents.removeTag({ repository: name, target: one.tag, cause: CAUSE });
  const { bytes, digest, facts } = MANIFESTS[one.manifest] ?? manifestNamed('');
  if (one.kind === 'put')
    return store.contents.putManifest({
      repository: name,
      digest,
      bytes,
      facts,
      tags: [one.tag],
      cause: CAUSE,
    });
  const target = { digest, mediaType: INDEX, size: bytes.length };
  return store.contents.removeManifest({ repository: name, target, cause: CAUSE });
};

/** What another connection finds in the file. */
const openJudge = (path: string) => {
  const judge = new DatabaseSync(path, { readOnly: true });
  const digestOf = (sql: string, ...params: readonly string[]): string | undefined => {
    const row = judge.prepare(sql).get(...params);
    return row === undefined ? undefined : String(row['digest']);
  };
  return {
    tagged: (name: string, one: string) =>
      digestOf('SELECT digest FROM tags WHERE repository = ? AND name = ?', name, one),
    stored: (name: string, digest: Digest) =>
      digestOf('SELECT digest FROM manifests WHERE repository = ? AND digest = ?', name, digest),
    [Symbol.dispose]: () => judge.close(),
  };
};

/** Looks at everything; what changes while it is looked at may be either. */
const look = ({ contents }: MetadataStore, judge: ReturnType<typeof openJudge>): void => {
  for (const name of REPOSITORIES) {
    for (const one of TAGS) {
      const before = judge.tagged(name, one);
      const seen = contents.tagged(name, one);
      expect([before, judge.tagged(name, one)]).toContain(seen);
    }
    for (const { digest, bytes } of MANIFESTS) {
      const before = judge.stored(name, digest);
      const [head, whole] = [contents.manifestHead(name, digest), contents.manifest(name, digest)];
      const after = judge.stored(name, digest);
      expect([before, after]).toContain(head?.digest);
      expect([before, after]).toContain(whole?.digest);
      if (whole !== undefined) expect(whole.bytes).toEqual(bytes);
    }
  }
};

test('what is read is what the database has, whatever is being written', { timeout: 60_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
      const place = await mkdtemp(join(tmpdir(), 'lade-cache-'));
      try {
        await using store = await openMetadata(join(place, 'registry.db'));
        using judge = openJudge(join(place, 'registry.db'));
        let under: Promise<unknown>[] = [];
        for (const one of steps) {
          under.push(begin(store, one));
          if (one.kind === 'wait') {
            await Promise.all(under);
            under = [];
          }
          look(store, judge);
        }
        await Promise.all(under);
        look(store, judge);
      } finally {
        await rm(place, { recursive: true, force: true });
      }
    }),
    { numRuns: 25 },
  );
});

test('an answer from memory is the same object, until something is written', async () => {
  const place = await mkdtemp(join(tmpdir(), 'lade-cache-'));
  try {
    await using store = await openMetadata(join(place, 'registry.db'));
    const { bytes, digest, facts } = manifestNamed('x');
    const put = { repository: 'a', digest, bytes, facts, tags: ['v1'], cause: CAUSE };
    await store.contents.putManifest(put);
    const first = store.contents.manifest('a', digest);
    expect(store.contents.manifest('a', digest)).toBe(first);
    await store.journal.append([{ action: 'pull', outcome: 'refused', repository: 'a', cause: CAUSE }]);
    expect(store.contents.manifest('a', digest)).toBe(first);
    await store.contents.putManifest({ ...put, tags: ['v2'] });
    expect(store.contents.manifest('a', digest)).not.toBe(first);
  } finally {
    await rm(place, { recursive: true, force: true });
  }
});
