import { createHash } from 'node:crypto';
import { mkdir, open, rename, stat } from 'node:fs/promises';
import { algorithmOf, hexOf, type Digest } from '#oci';
import { orMissing, syncDirectory, type Layout } from './layout.ts';
import type { VerifyOptions } from './types.ts';

const CHUNK = 256 * 1024;

/** Reads a blob from the disk again, a piece at a time, and compares it with its digest. */
export const verifyBlob = async (
  layout: Layout,
  digest: Digest,
  { read, signal }: VerifyOptions,
): Promise<'whole' | 'corrupt' | 'missing'> => {
  const file = await orMissing(open(layout.blob(digest), 'r'));
  if (file === undefined) return 'missing';
  await using handle = file;
  const hash = createHash(algorithmOf(digest));
  const buffer = Buffer.allocUnsafe(CHUNK);
  for (let position = 0; ;) {
    signal?.throwIfAborted();
    const { bytesRead } = await handle.read(buffer, 0, CHUNK, position);
    if (bytesRead === 0) return hash.digest('hex') === hexOf(digest) ? 'whole' : 'corrupt';
    hash.update(buffer.subarray(0, bytesRead));
    position += bytesRead;
    await read?.(bytesRead);
  }
};

/** Moves a blob's file aside; whether there was one. */
export const quarantineBlob = async (layout: Layout, digest: Digest): Promise<boolean> => {
  if ((await orMissing(stat(layout.blob(digest)))) === undefined) return false;
  await mkdir(layout.quarantine, { recursive: true });
  await rename(layout.blob(digest), layout.quarantined(digest, Date.now()));
  await syncDirectory(layout.quarantine);
  await syncDirectory(layout.blobDirectory(digest));
  return true;
};
