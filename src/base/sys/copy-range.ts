import { libcFunctionAsync } from './libc.ts';

const cCopyFileRange = libcFunctionAsync(
  'long copy_file_range(int from, uint8_t *offset, int to, uint8_t *toOffset, size_t length, unsigned int flags)',
);

/**
 * Copies up to `length` bytes that begin at `offset` of the descriptor `from` to where `to` stands, inside the kernel
 * and on a thread of the pool. Gives how many were copied; less than 1 where the file ends or the kernel cannot.
 */
export const copyFileRange = async (
  from: number,
  offset: number,
  to: number,
  length: number,
): Promise<number> => {
  const at = Buffer.alloc(8);
  at.writeBigInt64LE(BigInt(offset));
  return Number(await cCopyFileRange(from, at, to, null, length, 0));
};
