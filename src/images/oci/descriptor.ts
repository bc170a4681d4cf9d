import { matchesDigest, parseDigest, type Digest } from './digest.ts';
import { createReader, defined, type Fail, type Reader } from './json.ts';
import type { Platform } from './platform.ts';

/** Names content by media type, digest and size (image-spec descriptor.md). */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
  readonly urls?: readonly string[] | undefined;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
  readonly platform?: Platform | undefined;
  /** The content itself, checked against digest and size when it was parsed. */
  readonly data?: Uint8Array | undefined;
  readonly artifactType?: string | undefined;
}

const required = <T>(value: T | undefined, place: string, fail: Fail): T => {
  if (value === undefined) throw fail(`${place} is missing`);
  return value;
};

const checkedDigest = (reader: Reader, fail: Fail): Digest => {
  const text = required(reader.string('digest'), reader.place('digest'), fail);
  try {
    return parseDigest(text);
  } catch (error) {
    throw fail(`${reader.place('digest')}: ${error instanceof Error ? error.message : String(error)}`);
  }
};

const checkedSize = (reader: Reader, fail: Fail): number => {
  const size = required(reader.integer('size'), reader.place('size'), fail);
  if (size < 0) throw fail(`${reader.place('size')} must not be negative`);
  return size;
};

const parsePlatformField = (reader: Reader, fail: Fail): Platform | undefined => {
  const value = reader.object('platform');
  if (value === undefined) return undefined;
  const fields = createReader(value, reader.place('platform'), fail);
  return defined({
    os: fields.string('os') ?? '',
    architecture: fields.string('architecture') ?? '',
    variant: fields.string('variant'),
    osVersion: fields.string('os.version'),
    osFeatures: fields.strings('os.features'),
  });
};

const embeddedData = (reader: Reader, expected: { digest: Digest; size: number }, fail: Fail) => {
  const text = reader.string('data');
  if (text === undefined) return undefined;
  const data = Buffer.from(text, 'base64');
  if (data.length !== expected.size || !matchesDigest(data, expected.digest)) {
    throw fail(`${reader.place('data')} is not what its digest and size say`);
  }
  return data;
};

/** Reads a descriptor; `path` names it in faults. */
export const readDescriptor = (value: unknown, path: string, fail: Fail): Descriptor => {
  const reader = createReader(value, path, fail);
  const digest = checkedDigest(reader, fail);
  const size = checkedSize(reader, fail);
  return defined({
    mediaType: required(reader.string('mediaType'), reader.place('mediaType'), fail),
    digest,
    size,
    urls: reader.strings('urls'),
    annotations: reader.stringMap('annotations'),
    platform: parsePlatformField(reader, fail),
    data: embeddedData(reader, { digest, size }, fail),
    artifactType: reader.string('artifactType'),
  });
};

/** The JSON form of a descriptor, with keys in the order of the specification. */
export const descriptorToJson = (descriptor: Descriptor): Readonly<Record<string, unknown>> =>
  defined({
    mediaType: descriptor.mediaType,
    digest: descriptor.digest,
    size: descriptor.size,
    urls: descriptor.urls,
    annotations: descriptor.annotations,
    data: descriptor.data === undefined ? undefined : Buffer.from(descriptor.data).toString('base64'),
    platform: descriptor.platform === undefined ? undefined : platformToJson(descriptor.platform),
    artifactType: descriptor.artifactType,
  });

const platformToJson = (platform: Platform): Readonly<Record<string, unknown>> =>
  defined({
    architecture: platform.architecture,
    os: platform.os,
    'os.version': platform.osVersion,
    'os.features': platform.osFeatures,
    variant: platform.variant,
  });
