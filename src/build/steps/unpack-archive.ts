import { createReadStream, openSync, readSync, closeSync } from 'node:fs';
import { posix } from 'node:path';
import { createHash } from 'node:crypto';
import { open as openFile, type FileHandle } from 'node:fs/promises';
import { Readable } from 'node:stream';
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
  /** Hex sha256 that the file must have while it is read; not checked without it. */
  readonly digest?: string | undefined;
  /** How errors call it; its path unless given. */
  readonly name?: string | undefined;
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

const tooLarge = ({ path, name = path, limits }: Archive) =>
  sourcesErrors.tooLarge({
    what: `what the archive ${posix.basename(name)} holds`,
    limit: `${bytesText(limits.treeBytes)} or ${limits.treeEntries} files`,
  });

const CHUNK_BYTES = 1 << 18;

/** Reads a file once, and hashes just the bytes that were given away; `digest` reads what nobody asked for. */
const hashedReading = (file: FileHandle) => {
  const hash = createHash('sha256');
  let position = 0;
  const next = async (): Promise<Buffer> => {
    const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
    const { bytesRead } = await file.read(buffer, 0, CHUNK_BYTES, position);
    position += bytesRead;
    const chunk = buffer.subarray(0, bytesRead);
    hash.update(chunk);
    return chunk;
  };
  return {
    async *chunks(): AsyncGenerator<Buffer> {
      for (let chunk = await next(); chunk.length > 0; chunk = await next()) yield chunk;
    },
    async digest(): Promise<string> {
      while ((await next()).length > 0);
      return hash.digest('hex');
    },
  };
};

/** Appends an archive's entries below `base`, as ADD unpacks it: modes and times are the archive's. */
export const addArchive = async (writer: LayerWriter, archive: Archive): Promise<void> => {
  const { limits, path, digest, name = path } = archive;
  await using file = await openFile(fsPath(path));
  const reading = hashedReading(file);
  const input = Readable.from(reading.chunks(), { objectMode: false });
  const stream = unpackStream(packingOf(headOf(path)), input);
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
    input.destroy();
  }
  if (digest !== undefined && (await reading.digest()) !== digest)
    throw sourcesErrors.contextChanged({ path: name });
};
