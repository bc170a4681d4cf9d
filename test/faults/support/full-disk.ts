import { statfsSync, writeFileSync } from 'node:fs';

const MIB = 1 << 20;

const isFull = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === 'ENOSPC';

/** Takes all room of a file system but `kib`; less when its owner is quicker. */
export const fillDisk = (root: string, file: string, kib: number): void => {
  const { bavail, bsize } = statfsSync(root);
  const bytes = bavail * bsize - kib * 1024;
  const piece = Buffer.alloc(MIB, 1);
  try {
    for (let left = bytes; left > 0; left -= MIB)
      writeFileSync(file, piece.subarray(0, Math.min(MIB, left)), { flag: 'a' });
  } catch (error) {
    if (!isFull(error)) throw error;
  }
};
