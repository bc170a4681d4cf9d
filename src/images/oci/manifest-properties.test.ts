import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  MEDIA_TYPES,
  attestedDigest,
  encodeImageManifest,
  encodeIndex,
  isAttestation,
  isContainerImage,
  parseManifest,
  refuseSchemaOne,
  selectPlatform,
  parsePlatform,
  sha256Of,
  type Descriptor,
} from './index.ts';

const text = fc.string({ maxLength: 12 });
const strings = fc.dictionary(text, text, { maxKeys: 3 });
const types = fc.constantFrom(...Object.values(MEDIA_TYPES), 'application/json', 'text/plain', 'a/b');
const platform = fc.record(
  {
    os: fc.constantFrom('linux', 'windows', 'unknown', ''),
    architecture: fc.constantFrom('amd64', 'arm64', 'unknown', ''),
    variant: fc.constantFrom('v7', 'v8'),
    osVersion: fc.constantFrom('10.0.1', '10.0.2.3'),
  },
  { requiredKeys: ['os', 'architecture'] },
);
const descriptor: fc.Arbitrary<Descriptor> = fc.record(
  {
    mediaType: types,
    digest: text.map((value) => sha256Of(value)),
    size: fc.nat(),
    urls: fc.array(text, { maxLength: 2 }),
    annotations: strings,
    platform,
    artifactType: text,
  },
  { requiredKeys: ['mediaType', 'digest', 'size'] },
);
const descriptors = fc.array(descriptor, { maxLength: 4 });
const common = { subject: descriptor, annotations: strings, artifactType: text };

describe('what is written', () => {
  test('is read as the same image manifest', () => {
    const manifests = fc.record(
      { mediaType: fc.constant(MEDIA_TYPES.ociManifest), config: descriptor, layers: descriptors, ...common },
      { requiredKeys: ['mediaType', 'config', 'layers'] },
    );
    fc.assert(
      fc.property(manifests, (manifest) => {
        const bytes = encodeImageManifest(manifest);
        const read = parseManifest(bytes);
        expect(read).toEqual({ ...manifest, kind: 'image', raw: bytes });
        if (read.kind === 'image') expect(encodeImageManifest(read)).toEqual(bytes);
      }),
    );
  });

  test('is read as the same index', () => {
    const indexes = fc.record(
      { mediaType: fc.constant(MEDIA_TYPES.ociIndex), manifests: descriptors, ...common },
      { requiredKeys: ['mediaType', 'manifests'] },
    );
    fc.assert(
      fc.property(indexes, (index) => {
        const bytes = encodeIndex(index);
        expect(parseManifest(bytes)).toEqual({ ...index, kind: 'index', raw: bytes });
      }),
    );
  });
});

/** Objects that look like manifests here and there. */
const document = fc.oneof(
  fc.json(),
  fc
    .record(
      {
        schemaVersion: fc.constantFrom(1, 2, '2', null),
        mediaType: fc.oneof(types, fc.jsonValue()),
        config: fc.oneof(descriptor, fc.jsonValue()),
        layers: fc.oneof(descriptors, fc.jsonValue()),
        manifests: fc.oneof(descriptors, fc.jsonValue()),
        subject: fc.oneof(descriptor, fc.jsonValue()),
        annotations: fc.jsonValue(),
      },
      { requiredKeys: [] },
    )
    .map((value) => JSON.stringify(value)),
  fc.string(),
);

describe('anything', () => {
  test('is a manifest or is refused with a kind, whatever it was delivered as', () => {
    fc.assert(
      fc.property(document, fc.option(fc.oneof(types, text), { nil: undefined }), (json, mediaType) => {
        const bytes = Buffer.from(json);
        try {
          const manifest = parseManifest(bytes, mediaType);
          if (manifest.kind === 'image') expect(typeof isContainerImage(manifest)).toBe('boolean');
          else for (const entry of manifest.manifests) expect(typeof isAttestation(entry)).toBe('boolean');
        } catch (error) {
          expect(error).toMatchObject({
            kind: expect.stringMatching(/^(invalid-argument|unsupported)$/) as string,
          });
        }
      }),
      { numRuns: 500 },
    );
  });

  test('is schema 1 only when it says so', () => {
    fc.assert(
      fc.property(document, (json) => {
        const says = /"schemaVersion"\s*:\s*1(?![\d.eE])/.test(json);
        const check = (): void => refuseSchemaOne(Buffer.from(json));
        if (!says) expect(check).not.toThrow();
      }),
    );
  });
});

describe('choosing', () => {
  test('never takes an attestation, and only what runs where it is wanted', () => {
    fc.assert(
      fc.property(descriptors, (entries) => {
        const chosen = selectPlatform(entries, parsePlatform('linux/amd64'));
        if (chosen?.platform === undefined) return;
        expect(chosen.platform).toMatchObject({ os: 'linux', architecture: 'amd64' });
        expect(isAttestation(chosen)).toBe(false);
      }),
    );
  });

  test('an attestation names what it is about, when that is a digest', () => {
    const digest = sha256Of('x');
    const entry = (value: string): Descriptor => ({
      mediaType: MEDIA_TYPES.ociManifest,
      digest,
      size: 1,
      annotations: {
        'vnd.docker.reference.type': 'attestation-manifest',
        'vnd.docker.reference.digest': value,
      },
    });
    expect(isAttestation(entry('x'))).toBe(true);
    expect(attestedDigest(entry(digest))).toBe(digest);
    expect(attestedDigest(entry('x'))).toBeUndefined();
  });
});
