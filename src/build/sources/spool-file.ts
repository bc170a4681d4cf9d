import { createHash, hash, type Hash } from 'node:crypto';
import { closeSync, constants, fchmodSync, fstatSync, ftruncateSync, openSync, writeSync } from 'node:fs';
import { futimesNs } from '#sys';
import type { TarEntry } from '#tar';
import type { InodeDigestsWriter } from './inode-digests.ts';

/** A file of an archive while its content arrives. Disposing of it closes it. */
export interface SpoolFile extends Disposable {
  /** Takes the next stored bytes; true once the file is whole. */
  take(chunk: Buffer): boolean;
}

const CREATE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
const PLAIN_MODE = 0o777;

const writeAll = (fd: number, bytes: Buffer, position: number): void => {
  for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at, bytes.length - at, position + at);
};

/** Where the stored bytes of a sparse file go; what lies between stays a hole. */
const createSparseWriter = ({ sparse = [] }: TarEntry, fd: number) => {
  let index = 0;
  let within = 0;
  return (chunk: Buffer): void => {
    for (let at = 0; at < chunk.length;) {
      const extent = sparse[index];
      if (extent === undefined) return;
      const piece = chunk.subarray(at, at + extent.size - within);
      writeAll(fd, piece, extent.offset + within);
      at += piece.length;
      within += piece.length;
      if (within < extent.size) continue;
      index += 1;
      within = 0;
    }
  };
};

/** Makes the file; throws EEXIST where something is. */
export const createSpoolFile = (
  path: string | Buffer,
  entry: TarEntry,
  digests: InodeDigestsWriter,
): SpoolFile => {
  const { mode, mtimeNs, sparse, storedSize, size } = entry;
  const fd = openSync(path, CREATE, mode & PLAIN_MODE);
  const writeSparse = sparse === undefined ? undefined : createSparseWriter(entry, fd);
  let digest: Hash | undefined;
  let stored = 0;
  const finish = (whole: Buffer | undefined): void => {
    const stats = fstatSync(fd);
    // The umask, or what the directory says, may have taken bits.
    if ((stats.mode & 0o7777) !== mode) fchmodSync(fd, mode);
    if (sparse !== undefined) ftruncateSync(fd, size);
    futimesNs(fd, mtimeNs, mtimeNs);
    // A sparse file is read once more when it is needed: its holes may be long.
    if (sparse !== undefined) digests.put(stats.ino, undefined);
    else digests.put(stats.ino, whole === undefined ? digest?.digest() : hash('sha256', whole, 'buffer'));
  };
  return {
    take(chunk) {
      const whole = stored === 0 && chunk.length === storedSize && sparse === undefined;
      if (writeSparse === undefined) writeAll(fd, chunk, stored);
      else writeSparse(chunk);
      stored += chunk.length;
      if (!whole && sparse === undefined) digest = (digest ?? createHash('sha256')).update(chunk);
      if (stored < storedSize) return false;
      finish(whole ? chunk : undefined);
      return true;
    },
    [Symbol.dispose]: () => closeSync(fd),
  };
};
