import { createHash, type Hash } from 'node:crypto';
import { followFile, type FileFollower } from '#work';

/** Hashes an upload while it is written. */
export interface UploadHash {
  readonly algorithm: 'sha256' | 'sha512';
  /** The next bytes; `total` with them. To be called once they are in the file. */
  update(chunk: Uint8Array, total: number): void;
  /** Hex digest of the first `total` bytes. */
  finish(total: number): Promise<string>;
  abort(): void;
}

/** Up to here hashing on the calling thread costs less than a worker's messages. */
const INLINE_BYTES = 2 * 1024 * 1024;

/**
 * Small uploads are hashed on the spot; a larger one by a worker thread that reads the growing file, so that requests are
 * answered at once meanwhile.
 */
export const createUploadHash = (path: string, algorithm: 'sha256' | 'sha512'): UploadHash => {
  let inline: Hash | undefined = createHash(algorithm);
  let follower: FileFollower | undefined;
  return {
    algorithm,
    update(chunk, total) {
      if (total <= INLINE_BYTES && inline !== undefined) {
        inline.update(chunk);
        return;
      }
      inline = undefined;
      follower ??= followFile(path, { algorithm });
      follower.advance(total);
    },
    finish: async (total) => inline?.digest('hex') ?? (await follower?.finish(total)) ?? '',
    abort: () => follower?.abort(),
  };
};
