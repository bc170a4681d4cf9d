import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sha256Of } from '#oci';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { blobsOfSnapshot } from './backup-store.ts';
import { openMetadata } from './metadata.ts';
import type { MetadataStore } from './types.ts';

const cause = { actor: 'test' };
let folder: string;
let metadata: MetadataStore & AsyncDisposable;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lade-upstream-records-'));
  metadata = await openMetadata(join(folder, 'registry.db'));
});
afterEach(async () => {
  await metadata[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

const put = async (repository: string, text: string, tags: readonly string[] = []) => {
  const bytes = Buffer.from(text);
  const digest = sha256Of(bytes);
  const layer = sha256Of(Buffer.from('layer'));
  const facts = {
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    artifactType: undefined,
    subject: undefined,
    annotations: undefined,
    blobs: [],
    optionalBlobs: [layer],
    manifests: [],
  };
  await metadata.contents.linkBlob({ repository, digest: layer, size: 100, how: 'push', cause });
  await metadata.contents.putManifest({ repository, digest, bytes, facts, tags, cause });
  return digest;
};

test('counts and orders what is below a prefix, and nothing else', async () => {
  const one = await put('docker.io/library/a', '{"one":1}', ['x']);
  const two = await put('docker.io/b', '{"two":2}');
  await put('docker.io2/c', '{"three":3}');
  await put('docker', '{"four":4}');
  const { upstreamRecords: records } = metadata;
  expect(records.usage('docker.io')).toEqual({
    repositories: 2,
    manifests: 2,
    tags: 1,
    blobs: 1,
    bytes: 118,
  });
  expect(records.usage('').manifests).toBe(4);
  const atMs = Date.now() + 1000;
  await records.used([{ repository: 'docker.io/library/a', digest: one, atMs }]);
  const page = { limit: 10, beforeMs: atMs + 1 };
  expect(records.leastUsed('docker.io', page).map(({ digest }) => digest)).toEqual([two, one]);
  expect(records.leastUsed('docker.io', { ...page, beforeMs: atMs }).map(({ digest }) => digest)).toEqual([
    two,
  ]);
});

test('remembers tags until they are forgotten', async () => {
  const { upstreamRecords: records } = metadata;
  const digest = sha256Of(Buffer.from('x'));
  expect(records.tag('a', 'v1')).toBeUndefined();
  await records.tagChecked('a', 'v1', { digest, checkedMs: 1 });
  await records.tagChecked('a', 'v1', { digest, checkedMs: 2 });
  expect(records.tag('a', 'v1')).toEqual({ digest, checkedMs: 2 });
  await records.forgetTag('a', 'v1');
  expect(records.tag('a', 'v1')).toBeUndefined();
});

test('a snapshot is the metadata of one moment, whatever is written meanwhile', async () => {
  await put('a/b', '{"one":1}', ['x']);
  const path = join(folder, 'snapshot.db');
  const stop = new AbortController();
  const writing = (async () => {
    for (let n = 0; !stop.signal.aborted; n += 1) await put('c/d', `{"n":${n}}`, [`t${n}`]);
    return metadata.contents.tags('c/d', { limit: 1_000_000, after: '' }).length;
  })();
  await metadata.backups.snapshot(path);
  stop.abort();
  const written = await writing;
  const blobs: unknown[] = [];
  for await (const blob of blobsOfSnapshot(path)) blobs.push(blob);
  expect(blobs).toEqual([{ digest: sha256Of(Buffer.from('layer')), size: 100 }]);
  await using copy = await openMetadata(path);
  expect(copy.contents.tagged('a/b', 'x')).toBe(sha256Of(Buffer.from('{"one":1}')));
  expect(copy.contents.tags('c/d', { limit: 1_000_000, after: '' }).length).toBeLessThanOrEqual(written);
  for (const tag of copy.contents.tags('c/d', { limit: 1_000_000, after: '' })) {
    const digest = copy.contents.tagged('c/d', tag);
    expect(digest === undefined ? undefined : copy.contents.manifest('c/d', digest)).toBeDefined();
  }
});

test('holds are kept until they are released', async () => {
  const { backups } = metadata;
  await backups.hold({ id: 'one', createdMs: 1, untilMs: 2 });
  await backups.hold({ id: 'one', createdMs: 1, untilMs: 3 });
  expect(backups.holds()).toEqual([{ id: 'one', createdMs: 1, untilMs: 3 }]);
  expect(await backups.release('one')).toBe(true);
  expect(await backups.release('one')).toBe(false);
  expect(backups.holds()).toEqual([]);
});
