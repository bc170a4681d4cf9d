import { createHash } from 'node:crypto';
import { digestOf } from '#oci';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readManifest } from './manifest.ts';

const IMAGE = 'application/vnd.oci.image.manifest.v1+json';
const INDEX = 'application/vnd.oci.image.index.v1+json';
const SCHEMA_1 = 'application/vnd.docker.distribution.manifest.v1+prettyjws';

const named = (name: string) => digestOf('sha256', createHash('sha256').update(name).digest('hex'));
const descriptor = (name: string, mediaType = 'application/vnd.oci.image.layer.v1.tar') => ({
  mediaType,
  digest: named(name),
  size: name.length,
});
const read = (value: unknown, type = '') => readManifest(Buffer.from(JSON.stringify(value)), type);
const refused = (code: string) => expect.objectContaining({ code });

describe('images', () => {
  const image = {
    schemaVersion: 2,
    mediaType: IMAGE,
    config: descriptor('c', 'application/x-config'),
    layers: [descriptor('a')],
  };

  test('need their blobs, but not foreign layers, which they keep where they are', () => {
    const foreign = descriptor('f', 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip');
    const byUrl = { ...descriptor('u'), urls: ['https://example.org/u'] };
    expect(read({ ...image, layers: [descriptor('a'), foreign, byUrl] })).toMatchObject({
      blobs: [named('c'), named('a')],
      optionalBlobs: [named('f'), named('u')],
      manifests: [],
    });
  });

  test('are artifacts of their own type, or of their config', () => {
    expect(read(image).artifactType).toBe('application/x-config');
    expect(read({ ...image, artifactType: 'application/x-own' }).artifactType).toBe('application/x-own');
    expect(read({ ...image, artifactType: '' }).artifactType).toBe('application/x-config');
  });

  test('without mediaType are recognized by what they have', () => {
    const { mediaType: _, ...bare } = image;
    expect(read(bare).mediaType).toBe(IMAGE);
    expect(read({ schemaVersion: 2, manifests: [] }).mediaType).toBe(INDEX);
  });
});

test('an index lists manifests; what else it lists is kept where it is', () => {
  const layer = descriptor('layer', 'application/vnd.oci.image.layer.v1.tar+gzip');
  const config = descriptor('config', 'application/vnd.buildkit.cacheconfig.v0');
  expect(
    read({ schemaVersion: 2, mediaType: INDEX, manifests: [descriptor('m', IMAGE), layer, config] }),
  ).toMatchObject({
    blobs: [],
    optionalBlobs: [layer.digest, config.digest],
    manifests: [named('m')],
  });
});

test('of unknown types everything that can be recognized counts, and nothing is required', () => {
  const value = {
    mediaType: 'application/vnd.oci.artifact.manifest.v1+json',
    artifactType: 'application/x-sbom',
    blobs: [descriptor('a'), descriptor('b'), { digest: 'no' }, 7],
    child: descriptor('m', IMAGE),
    subject: descriptor('s', IMAGE),
    annotations: { a: 'b' },
  };
  expect(read(value)).toEqual({
    mediaType: 'application/vnd.oci.artifact.manifest.v1+json',
    artifactType: 'application/x-sbom',
    subject: named('s'),
    annotations: { a: 'b' },
    blobs: [],
    optionalBlobs: [named('a'), named('b')],
    manifests: [named('m')],
  });
});

test('schema 1 is refused with a sentence', () => {
  const old = { schemaVersion: 1, name: 'a', tag: 'b', fsLayers: [], history: [], signatures: [] };
  for (const type of ['', SCHEMA_1, 'application/json'])
    expect(() => read(old, type)).toThrow(refused('METADATA_SCHEMA_ONE'));
  expect(() => read(old)).toThrow(/schema 1/);
});

test.each(['', 'x', '[]', 'null', '"a"', '7', '{"a":', '\u00ff'])('%j is no manifest', (body) => {
  expect(() => readManifest(Buffer.from(body, 'latin1'), IMAGE)).toThrow(
    refused('METADATA_MANIFEST_INVALID'),
  );
});

test('nothing that is deep is followed', () => {
  const deep = `${'{"a":['.repeat(200_000)}${']}'.repeat(200_000)}`;
  expect(readManifest(Buffer.from(deep), 'application/x-deep')).toMatchObject({
    optionalBlobs: [],
    manifests: [],
  });
});

test('any JSON is either understood or refused', () => {
  const types = fc.constantFrom('', IMAGE, INDEX, SCHEMA_1, 'application/x-any', 'text/html', 'not a type');
  const anything = fc.anything({ withNullPrototype: false });
  const somewhat = fc.record(
    {
      schemaVersion: fc.oneof(fc.constant(2), anything),
      mediaType: fc.oneof(types, anything),
      artifactType: anything,
      config: fc.oneof(fc.constant(descriptor('c')), anything),
      layers: fc.oneof(fc.array(fc.oneof(fc.constant(descriptor('l')), anything)), anything),
      manifests: fc.oneof(fc.array(fc.oneof(fc.constant(descriptor('m', IMAGE)), anything)), anything),
      subject: fc.oneof(fc.constant(descriptor('s')), anything),
      annotations: fc.oneof(fc.dictionary(fc.string(), fc.string()), anything),
    },
    { requiredKeys: [] },
  );
  const codes = ['METADATA_MANIFEST_INVALID', 'METADATA_SCHEMA_ONE'];
  fc.assert(
    fc.property(
      fc.oneof(
        somewhat,
        fc.json().map((text): unknown => JSON.parse(text)),
      ),
      types,
      (value, type) => {
        const bytes = Buffer.from(
          JSON.stringify(value, (_, member: unknown) => (typeof member === 'bigint' ? 0 : member)) ?? '',
        );
        try {
          const facts = readManifest(bytes, type);
          expect(facts.mediaType).toMatch(/^[^\s/]+\/[^\s/]+$/);
        } catch (error) {
          expect(codes).toContain((error as { code?: string }).code);
        }
      },
    ),
    { numRuns: 2000 },
  );
});
