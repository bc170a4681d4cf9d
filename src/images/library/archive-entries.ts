import { randomUUID } from 'node:crypto';
import { posix } from 'node:path';
import { Readable } from 'node:stream';
import { toLadeError } from '#errors';
import { asDiffId, isDigest, type Digest, type DiffId } from '#oci';
import type { Lease } from '#store';
import { packingOf, readTar, unpackedBytes, type TarItem } from '#tar';
import type { Context } from './context.ts';
import { libraryErrors } from './errors.ts';

/** Most bytes of one document of an archive, and of all of them. */
const MAX_DOCUMENT = 8 * 1024 * 1024;
const MAX_DOCUMENTS = 64 * 1024 * 1024;
const BLOCK = 512;

/** What a path of an archive turned out to be. */
export type ArchiveEntry =
  /** JSON and other small text. */
  | { readonly kind: 'document'; readonly bytes: Buffer }
  /** An uncompressed layer, unpacked already. */
  | { readonly kind: 'layer'; readonly diffId: DiffId }
  /** A compressed layer, stored as a blob. */
  | { readonly kind: 'blob'; readonly digest: Digest; readonly size: number };

export interface ArchiveEntries {
  /** What is at a path, links followed. */
  get(path: string): ArchiveEntry | undefined;
}

export interface ReadArchive {
  readonly lease: Lease;
  readonly signal?: AbortSignal | undefined;
  readonly onLayer: (path: string, size: number) => void;
}

const cleanPath = (path: string): string => posix.normalize(`/${path}`).slice(1);

/** The digest that a path in an OCI layout promises. */
const promisedDigest = (path: string): Digest | undefined => {
  const [, algorithm, hex] = /^blobs\/([^/]+)\/([^/]+)$/.exec(path) ?? [];
  const text = `${algorithm}:${hex}`;
  return isDigest(text) ? text : undefined;
};

const checksumFits = (block: Buffer): boolean => {
  const stored = Number.parseInt(block.toString('latin1', 148, 156).replaceAll('\0', ' ').trim(), 8);
  const sum = block.reduce((total, byte, index) => total + (index >= 148 && index < 156 ? 32 : byte), 0);
  return stored === sum;
};

/** Whether content that begins so is a tar; an empty one is zeros. */
const isTar = (head: Buffer): boolean => {
  if (head.length < BLOCK) return false;
  const block = head.subarray(0, BLOCK);
  return block.every((byte) => byte === 0) || checksumFits(block);
};

/** Chunks with the first block of content in one piece; each is a copy. */
const peeked = async (chunks: AsyncIterable<Uint8Array>) => {
  const iterator = chunks[Symbol.asyncIterator]();
  let head = Buffer.alloc(0);
  while (head.length < BLOCK) {
    const next = await iterator.next();
    if (next.done === true) break;
    head = Buffer.concat([head, next.value]);
  }
  async function* rest(): AsyncGenerator<Buffer, void, undefined> {
    if (head.length > 0) yield head;
    for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) {
      yield Buffer.from(next.value);
    }
  }
  return { head, rest };
};

/** A stream of the chunks that remembers what reading them failed with. */
const watched = (chunks: AsyncIterable<Buffer>) => {
  const failures: unknown[] = [];
  async function* pass(): AsyncGenerator<Buffer, void, undefined> {
    try {
      yield* chunks;
    } catch (error) {
      failures.push(error);
      throw error;
    }
  }
  return { stream: Readable.from(pass(), { objectMode: false }), failures };
};

const storeLayer = async (
  context: Context,
  path: string,
  rest: AsyncIterable<Buffer>,
  read: ReadArchive,
): Promise<ArchiveEntry> => {
  const promised = promisedDigest(path);
  const { stream, failures } = watched(rest);
  try {
    const { diffId } = await context.layers.unpack(
      { kind: 'stream', stream, compression: 'none' },
      {
        expected: promised?.startsWith('sha256:') === true ? asDiffId(promised) : undefined,
        lease: read.lease,
        signal: read.signal,
      },
    );
    return { kind: 'layer', diffId };
  } catch (error) {
    throw failures[0] ?? error;
  }
};

const storeBlob = async (context: Context, path: string, rest: AsyncIterable<Buffer>, read: ReadArchive) => {
  const expected = { digest: promisedDigest(path) };
  await using ingest = await context.store.blobs.ingest({
    ref: `load ${randomUUID()}`,
    lease: read.lease,
    expected,
  });
  try {
    for await (const chunk of rest) {
      read.signal?.throwIfAborted();
      await ingest.write(chunk);
    }
    return { kind: 'blob', ...(await ingest.commit()) } as const;
  } catch (error) {
    await ingest.abort();
    throw error;
  }
};

const readDocument = async (path: string, rest: AsyncIterable<Buffer>, room: number) => {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of rest) {
    size += chunk.length;
    if (size > MAX_DOCUMENT || size > room) {
      throw libraryErrors.archiveUnreadable({
        reason: `${path} is neither a layer nor of a document's size`,
      });
    }
    chunks.push(chunk);
  }
  return { kind: 'document', bytes: Buffer.concat(chunks) } as const;
};

const isCompressed = (head: Buffer): boolean => packingOf(head) !== 'none';

const readFile = async (
  context: Context,
  item: TarItem,
  read: ReadArchive & { readonly path: string; readonly room: number },
): Promise<ArchiveEntry> => {
  const { head, rest } = await peeked(item.content());
  const layer = isTar(head);
  if (!layer && !isCompressed(head)) return readDocument(read.path, rest(), read.room);
  read.onLayer(read.path, item.entry.size);
  return layer ? storeLayer(context, read.path, rest(), read) : storeBlob(context, read.path, rest(), read);
};

const follow = (links: ReadonlyMap<string, string>, path: string): string => {
  let current = path;
  for (let steps = 0; steps < 8; steps += 1) {
    const target = links.get(current);
    if (target === undefined) return current;
    current = target;
  }
  return current;
};

/** Reads an archive in one pass: layers are stored as they come, whatever order it has. */
export const readArchive = async (
  context: Context,
  stream: Readable,
  read: ReadArchive,
): Promise<ArchiveEntries> => {
  const entries = new Map<string, ArchiveEntry>();
  const links = new Map<string, string>();
  let room = MAX_DOCUMENTS;
  try {
    for await (const item of readTar(await unpackedBytes(stream))) {
      read.signal?.throwIfAborted();
      const path = cleanPath(item.entry.path);
      const { kind, linkName } = item.entry;
      if (kind === 'symlink') links.set(path, cleanPath(posix.join(posix.dirname(path), linkName)));
      if (kind === 'hardlink') links.set(path, cleanPath(linkName));
      if (kind !== 'file') continue;
      const entry = await readFile(context, item, { ...read, path, room });
      if (entry.kind === 'document') room -= entry.bytes.length;
      entries.set(path, entry);
    }
  } catch (error) {
    throw explain(error);
  }
  return { get: (path) => entries.get(follow(links, cleanPath(path))) };
};

const explain = (error: unknown): unknown => {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (code.startsWith('Z_') || code.startsWith('ZSTD_')) {
    return libraryErrors.archiveUnreadable({ reason: 'its compressed form is damaged or cut off' }, error);
  }
  const lade = toLadeError(error);
  return lade.code.startsWith('TAR_')
    ? libraryErrors.archiveUnreadable({ reason: lade.message }, error)
    : error;
};
