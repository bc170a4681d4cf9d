import { createHash, randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { readManifest } from '#metadata';
import { parseDigest, type Digest } from '#oci';
import { openRegistryStorage, type OpenStorage } from '#registry';

const CAUSE = { actor: 'bench' };

/** Works on a registry's directory without a server between: for large sets of data. */
export const withStorage = async (
  root: string,
  work: (storage: OpenStorage) => Promise<void>,
): Promise<void> => {
  await using storage = await openRegistryStorage(root);
  await work(storage);
};

/** Runs `one` with 0, 1, … to `count` - 1, many at a time, so that they share what waits for the disk. */
export const inCrowds = async (count: number, one: (index: number) => Promise<void>): Promise<void> => {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) await one(next++);
  };
  await Promise.all(Array.from({ length: 400 }, worker));
};

const digestOf = (bytes: Uint8Array): Digest =>
  parseDigest(`sha256:${createHash('sha256').update(bytes).digest('hex')}`);

/** A blob of a few random bytes, linked by the repository. */
export const addBlob = async ({ blobs, metadata }: OpenStorage, repository: string): Promise<void> => {
  const bytes = randomBytes(64);
  const digest = digestOf(bytes);
  const { id } = await blobs.createUpload(repository, 'sha256');
  await blobs.appendUpload(id, Readable.from([bytes]));
  await blobs.commitUpload(id, digest);
  await metadata.contents.linkBlob({ repository, digest, size: bytes.length, how: 'push', cause: CAUSE });
};

export interface NewIndex {
  readonly repository: string;
  /** Makes it unlike the others. */
  readonly name: string;
  readonly tag?: string | undefined;
  readonly subject?: Digest | undefined;
  readonly artifactType?: string | undefined;
}

const INDEX = 'application/vnd.oci.image.index.v1+json';

/** An index without entries: a manifest that needs no blobs. */
export const addIndex = async (
  { metadata }: OpenStorage,
  { repository, name, tag, subject, artifactType }: NewIndex,
): Promise<Digest> => {
  const descriptor = { mediaType: INDEX, digest: subject, size: 100 };
  const value = {
    schemaVersion: 2,
    mediaType: INDEX,
    ...(artifactType === undefined ? {} : { artifactType }),
    manifests: [],
    ...(subject === undefined ? {} : { subject: descriptor }),
    annotations: { name },
  };
  const bytes = Buffer.from(JSON.stringify(value));
  const digest = digestOf(bytes);
  const facts = readManifest(bytes, INDEX);
  const tags = tag === undefined ? [] : [tag];
  await metadata.contents.putManifest({ repository, digest, bytes, facts, tags, cause: CAUSE });
  return digest;
};
