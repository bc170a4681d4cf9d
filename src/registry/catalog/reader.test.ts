import { defineErrors } from '#errors';
import type { Digest } from '#oci';
import { parseDigest } from '#oci';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { digestBy, startWireRegistry, type WireRegistry } from '../registry/testing.ts';
import { createCatalogReader } from './reader.ts';

const TYPE = 'application/vnd.oci.image.manifest.v1+json';
const errors = defineErrors('reader-test', {
  refused: { kind: 'internal', message: () => 'this one cannot be recorded' },
  full: { kind: 'unavailable', message: () => 'no space left' },
});

let wire: WireRegistry;
let digests: readonly Digest[];

const push = async (config: Digest, tag: string): Promise<Digest> => {
  const body = JSON.stringify({
    schemaVersion: 2,
    mediaType: TYPE,
    config: { mediaType: 'application/vnd.oci.image.config.v1+json', digest: config, size: 2 },
    layers: [],
    annotations: { tag },
  });
  const headers = { 'content-type': TYPE };
  expect((await wire.call('PUT', `/v2/app/manifests/${tag}`, { body, headers })).status).toBe(201);
  return parseDigest(digestBy('sha256', body));
};

/** Three manifests that nobody has read. */
beforeEach(async () => {
  wire = await startWireRegistry();
  const none = vi.spyOn(wire.storage.metadata.catalog, 'unread').mockReturnValue([]);
  const config = await wire.blob('app', '{}');
  digests = [await push(config, 'a'), await push(config, 'b'), await push(config, 'c')];
  await wire.storage.catalog.settled();
  none.mockRestore();
});
afterEach(() => wire[Symbol.asyncDispose]());

/** Facts of the manifest cannot be recorded; that it was read can. */
const failFor = (digest: Digest | undefined, error: Error): void => {
  const { catalog } = wire.storage.metadata;
  const recordFacts = catalog.recordFacts.bind(catalog);
  vi.spyOn(catalog, 'recordFacts').mockImplementation(async (read) => {
    if (read.some((one) => one.digest === digest && one.facts !== undefined)) throw error;
    await recordFacts(read);
  });
};

const hasFacts = (): readonly boolean[] =>
  digests.map((digest) => wire.storage.metadata.catalog.hasFacts(digest));

test('a manifest that cannot be recorded is told and left out, and those around it are recorded', async () => {
  const error = errors.refused({});
  failFor(digests[1], error);
  const seen: unknown[] = [];
  await using reader = createCatalogReader(wire.storage, (one) => void seen.push(one));
  await reader.settled();
  expect(hasFacts()).toEqual([true, false, true]);
  expect(seen).toEqual([error]);
  expect(wire.storage.metadata.catalog.unread(10)).toEqual([]);
});

test('while the disk is full, nothing is given up', async () => {
  const error = errors.full({});
  failFor(digests[1], error);
  const seen: unknown[] = [];
  await using reader = createCatalogReader(wire.storage, (one) => void seen.push(one));
  await reader.settled();
  expect(new Set(seen)).toEqual(new Set([error]));
  expect(wire.storage.metadata.catalog.unread(10).map(({ digest }) => digest)).toEqual(digests.slice(1));
  vi.restoreAllMocks();
  await reader.settled();
  expect(hasFacts()).toEqual([true, true, true]);
});
