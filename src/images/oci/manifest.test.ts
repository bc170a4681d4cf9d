import { describe, expect, test } from 'vitest';
import {
  MEDIA_TYPES,
  encodeImageManifest,
  encodeIndex,
  parseDigest,
  parseManifest,
  sha256Of,
} from './index.ts';

const digest = parseDigest(`sha256:${'a'.repeat(64)}`);
const descriptor = (mediaType: string, size = 7) => ({ mediaType, digest, size });
const image = {
  schemaVersion: 2,
  mediaType: MEDIA_TYPES.dockerManifest,
  config: descriptor(MEDIA_TYPES.dockerConfig),
  layers: [descriptor(MEDIA_TYPES.dockerLayerGzip)],
};
const bytes = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
const refused = (value: unknown, mediaType?: string) =>
  expect(() => parseManifest(Buffer.isBuffer(value) ? value : bytes(value), mediaType));

describe('image manifests', () => {
  test('keep their bytes, whatever their spacing', () => {
    const raw = Buffer.from(JSON.stringify(image, null, 3));
    const parsed = parseManifest(raw, `${MEDIA_TYPES.dockerManifest}; charset=utf-8`);
    expect(parsed).toMatchObject({ kind: 'image', mediaType: MEDIA_TYPES.dockerManifest, raw });
    expect(sha256Of(parsed.raw)).toBe(sha256Of(raw));
  });

  test('without a media type inside are what they came as, or what they look like', () => {
    const { mediaType: _, ...bare } = image;
    expect(parseManifest(bytes(bare), MEDIA_TYPES.dockerManifest).mediaType).toBe(MEDIA_TYPES.dockerManifest);
    expect(parseManifest(bytes(bare), 'application/json').mediaType).toBe(MEDIA_TYPES.ociManifest);
  });

  test('survive being encoded and parsed', () => {
    const data = Buffer.from('{}');
    const made = encodeImageManifest({
      mediaType: MEDIA_TYPES.ociManifest,
      artifactType: 'application/x',
      config: { mediaType: MEDIA_TYPES.ociEmpty, digest: sha256Of(data), size: 2, data },
      layers: [{ ...descriptor(MEDIA_TYPES.ociLayerZstd), annotations: { a: 'b' } }],
      subject: descriptor(MEDIA_TYPES.ociManifest),
      annotations: { b: 'ü' },
    });
    const parsed = parseManifest(made);
    if (parsed.kind !== 'image') throw new Error('not an image');
    expect(encodeImageManifest(parsed)).toEqual(made);
    expect(parsed.config.data).toEqual(data);
  });
});

describe('indexes', () => {
  test('survive being encoded and parsed', () => {
    const made = encodeIndex({
      mediaType: MEDIA_TYPES.ociIndex,
      manifests: [
        {
          ...descriptor(MEDIA_TYPES.ociManifest),
          platform: { os: 'linux', architecture: 'arm', variant: 'v7', osVersion: '1' },
        },
      ],
    });
    const parsed = parseManifest(made);
    if (parsed.kind !== 'index') throw new Error('not an index');
    expect(parsed.manifests[0]?.platform).toEqual({
      os: 'linux',
      architecture: 'arm',
      variant: 'v7',
      osVersion: '1',
    });
    expect(encodeIndex(parsed)).toEqual(made);
  });
});

describe('refusals', () => {
  test('schema 1 gets a sentence', () => {
    const schemaOne = { schemaVersion: 1, name: 'x', tag: 'y', fsLayers: [], history: [], signatures: [] };
    refused(schemaOne).toThrow(
      expect.objectContaining({
        kind: 'unsupported',
        message: expect.stringContaining('schema 1') as string,
      }),
    );
    refused(schemaOne, MEDIA_TYPES.dockerSchema1Signed).toThrow(/schema 1/);
  });

  test('a document that could be read as two kinds', () => {
    refused({ ...image, manifests: [] }).toThrow(/must not have "manifests"/);
    refused({ schemaVersion: 2, mediaType: MEDIA_TYPES.ociIndex, manifests: [], layers: [] }).toThrow(
      /must not have/,
    );
    refused(image, MEDIA_TYPES.ociManifest).toThrow(/delivered as/);
  });

  test.each([
    ['not JSON', Buffer.from('{')],
    ['not UTF-8', Buffer.from([0x7b, 0xff, 0x7d])],
    ['a list', []],
    ['nothing', null],
    ['no version', { ...image, schemaVersion: undefined }],
    ['no config', { ...image, config: undefined }],
    ['no layers', { ...image, layers: undefined }],
    ['layers that are no list', { ...image, layers: {} }],
    ['a negative size', { ...image, config: descriptor(MEDIA_TYPES.dockerConfig, -1) }],
    ['a fraction as size', { ...image, config: descriptor(MEDIA_TYPES.dockerConfig, 1.5) }],
    ['a size beyond 2^53', { ...image, config: descriptor(MEDIA_TYPES.dockerConfig, 2 ** 60) }],
    ['a wrong digest', { ...image, config: { ...image.config, digest: 'sha256:0' } }],
    ['no media type in a descriptor', { ...image, layers: [{ digest, size: 1 }] }],
    ['embedded data of another digest', { ...image, config: { ...image.config, size: 2, data: 'e30=' } }],
    ['another algorithm', { ...image, config: { ...image.config, digest: `md5:${'a'.repeat(32)}` } }],
  ])('%s', (_, value) => {
    refused(value).toThrow(expect.objectContaining({ kind: 'invalid-argument' }));
  });

  test('other documents', () => {
    refused({ ...image, mediaType: 'application/vnd.oci.artifact.manifest.v1+json' }).toThrow(
      expect.objectContaining({ kind: 'unsupported' }),
    );
  });
});
