import { createReadStream, openSync, readSync, closeSync } from 'node:fs';
import { posix } from 'node:path';
import type { Readable } from 'node:stream';
import type { LayerWriter } from '#layers';
import { fsPath, packingOf, readTar, type TarEntry, type TarItem } from '#tar';
import { bytesText, partsOf, sourcesErrors, unpackStream, type SourceLimits } from '#sources';
import type { Owner } from './write-entries.ts';

const HEAD_BYTES = 512;

const headOf = (path: string): Buffer => {
  const fd = openSync(fsPath(path), 'r');
  try {
    const head = Buffer.alloc(HEAD_BYTES);
    return head.subarray(0, readSync(fd, head, 0, HEAD_BYTES, 0));
  } finally {
    closeSync(fd);
  }
};

const open = (path: string): Readable =>
  unpackStream(packingOf(headOf(path)), createReadStream(fsPath(path), { highWaterMark: 1 << 18 }));

/** The first entry, or undefined when the stream is no archive. */
const firstEntry = async (stream: Readable): Promise<TarEntry | undefined> => {
  try {
    for await (const { entry } of readTar(stream)) return entry;
  } catch (error) {
    if (sourcesErrors.unpackerMissing.is(error)) throw error;
    return undefined;
  } finally {
    stream.destroy();
  }
  return undefined;
};

/** Whether ADD unpacks this file: a tar, plain or compressed with gzip, bzip2, xz or zstd. */
export const isArchive = async (path: string): Promise<boolean> => {
  const head = headOf(path);
  const plain = head.length === HEAD_BYTES && head.toString('latin1', 257, 262) === 'ustar';
  if (packingOf(head) === 'none' && !plain) return false;
  return (await firstEntry(open(path))) !== undefined;
};

/** A path of the archive below `base`; `..` ends at the archive's own root. */
const below = (base: string, path: string): string =>
  [base, ...partsOf(posix.resolve('/', path))].filter((part) => part !== '').join('/');

interface Archive {
  readonly path: string;
  readonly base: string;
  /** Of everything unpacked; undefined leaves the archive's owners. */
  readonly owner: Owner | undefined;
  readonly limits: SourceLimits;
  readonly signal: AbortSignal;
}

const addItem = async (writer: LayerWriter, { base, owner }: Archive, item: TarItem): Promise<void> => {
  const { entry } = item;
  const path = below(base, entry.path);
  if (path === base) return;
  const { kind, mode, uid, gid, mtimeNs, major, minor, xattrs } = entry;
  const header = { path, kind, mode, ...(owner ?? { uid, gid }), mtimeNs, major, minor, xattrs };
  if (kind === 'file') {
    await writer.add({ ...header, source: { kind: 'stream', stream: item.content(), size: entry.size } });
  } else if (kind === 'hardlink') await writer.add({ ...header, linkName: below(base, entry.linkName) });
  else if (kind === 'symlink') await writer.add({ ...header, linkName: entry.linkName });
  else await writer.add(header);
};

const tooLarge = ({ path, limits }: Archive) =>
  sourcesErrors.tooLarge({
    what: `what the archive ${posix.basename(path)} holds`,
    limit: `${bytesText(limits.treeBytes)} or ${limits.treeEntries} files`,
  });

/** Appends an archive's entries below `base`, as ADD unpacks it: modes and times are the archive's. */
export const addArchive = async (writer: LayerWriter, archive: Archive): Promise<void> => {
  const { limits } = archive;
  const stream = open(archive.path);
  try {
    let [entries, bytes] = [0, 0];
    for await (const item of readTar(stream)) {
      archive.signal.throwIfAborted();
      entries += 1;
      bytes += item.entry.kind === 'file' ? item.entry.size : 0;
      if (entries > limits.treeEntries || bytes > limits.treeBytes) throw tooLarge(archive);
      await addItem(writer, archive, item);
    }
  } finally {
    stream.destroy();
  }
};
