import { createHash, randomUUID } from 'node:crypto';
import { mkdir, open, readFile, rename, rm, stat, type FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { algorithmOf, hexOf, isDigest, MEDIA_TYPES, sha256Of, type Descriptor, type Digest } from '#oci';
import { cacheErrors } from './errors.ts';

/** A directory that is an OCI layout with one cache in it. */
export interface CacheLayout {
  has(descriptor: Descriptor): Promise<boolean>;
  /** Stores bytes under their digest, verified, unless they are there. */
  put(descriptor: Pick<Descriptor, 'digest' | 'size'>, bytes: AsyncIterable<Uint8Array>): Promise<void>;
  /** A small blob, verified; at most `most` bytes. */
  read(digest: Digest, most: number): Promise<Buffer>;
  /** Bytes of a blob, verified at their end. */
  stream(descriptor: Descriptor): AsyncGenerator<Uint8Array, void, undefined>;
  /** What the index names, undefined when there is none. */
  entry(): Promise<Descriptor | undefined>;
  /** Makes the index name this manifest alone. */
  setEntry(descriptor: Descriptor): Promise<void>;
}

const MAX_INDEX_BYTES = 4 * 1024 * 1024;
const CHUNK_BYTES = 256 * 1024;

const readBounded = async (path: string, most: number): Promise<Buffer> => {
  const { size } = await stat(path);
  if (size > most) throw cacheErrors.badCache({ reason: `${path} is larger than ${most} bytes` });
  return readFile(path);
};

const isDescriptor = (value: unknown): value is Descriptor =>
  typeof value === 'object' &&
  value !== null &&
  'digest' in value &&
  'mediaType' in value &&
  typeof value.digest === 'string' &&
  isDigest(value.digest) &&
  typeof value.mediaType === 'string';

const parseIndex = (bytes: Buffer): unknown => {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch (error) {
    throw cacheErrors.badCache({ reason: 'its index.json is not JSON' }, error);
  }
};

/** Writes a file wholly or not at all, and durably. */
const replace = async (path: string, write: (file: FileHandle) => Promise<void>): Promise<void> => {
  const temporary = `${path}.${randomUUID()}`;
  try {
    {
      await using file = await open(temporary, 'wx', 0o644);
      await write(file);
      await file.sync();
    }
    await rename(temporary, path);
    await using directory = await open(dirname(path));
    await directory.sync();
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
};

async function* chunksOf(path: string): AsyncGenerator<Buffer, void, undefined> {
  await using file = await open(path);
  for (;;) {
    const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
    const { bytesRead } = await file.read(buffer, 0, CHUNK_BYTES, null);
    if (bytesRead === 0) return;
    yield buffer.subarray(0, bytesRead);
  }
}

export const openCacheLayout = (root: string): CacheLayout => {
  const pathOf = (digest: Digest): string => join(root, 'blobs', algorithmOf(digest), hexOf(digest));
  async function* verified(
    descriptor: Pick<Descriptor, 'digest' | 'size'>,
    bytes: AsyncIterable<Uint8Array>,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    const hash = createHash(algorithmOf(descriptor.digest));
    let size = 0;
    for await (const chunk of bytes) {
      size += chunk.length;
      if (size > descriptor.size) break;
      hash.update(chunk);
      yield chunk;
    }
    if (size !== descriptor.size || hash.digest('hex') !== hexOf(descriptor.digest))
      throw cacheErrors.badCache({ reason: `${descriptor.digest} has other content` });
  }
  return {
    has: async ({ digest, size }) => (await stat(pathOf(digest)).catch(() => undefined))?.size === size,
    async put(descriptor, bytes) {
      const path = pathOf(descriptor.digest);
      await mkdir(join(root, 'blobs', algorithmOf(descriptor.digest)), { recursive: true });
      await replace(path, async (file) => {
        for await (const chunk of verified(descriptor, bytes)) await file.writeFile(chunk);
      });
    },
    async read(digest, most) {
      const bytes = await readBounded(pathOf(digest), most);
      if (sha256Of(bytes) !== digest) throw cacheErrors.badCache({ reason: `${digest} has other content` });
      return bytes;
    },
    stream: (descriptor) => verified(descriptor, chunksOf(pathOf(descriptor.digest))),
    async entry() {
      const text = await readBounded(join(root, 'index.json'), MAX_INDEX_BYTES).catch(() => undefined);
      if (text === undefined) return undefined;
      const parsed = parseIndex(text);
      const list: unknown =
        typeof parsed === 'object' && parsed !== null && 'manifests' in parsed ? parsed.manifests : [];
      return Array.isArray(list) ? list.find(isDescriptor) : undefined;
    },
    async setEntry(descriptor) {
      await replace(join(root, 'oci-layout'), (file) => file.writeFile('{"imageLayoutVersion":"1.0.0"}'));
      const index = { schemaVersion: 2, mediaType: MEDIA_TYPES.ociIndex, manifests: [descriptor] };
      await replace(join(root, 'index.json'), (file) => file.writeFile(JSON.stringify(index)));
    },
  };
};
