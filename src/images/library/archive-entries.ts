import { posix } from 'node:path';
import type { Readable } from 'node:stream';
import { toLadeError } from '#errors';
import { isDigest, type Digest, type DiffId } from '#oci';
import { packingOf, readTar, type TarItem } from '#tar';
import { archiveBytes } from './archive-input.ts';
import { isTar, peeked } from './archive-head.ts';
import { storeBlob, storeLayer, type Receiving } from './archive-receive.ts';
import type { Context } from './context.ts';
import { libraryErrors } from './errors.ts';

/** Most bytes of one document of an archive. */
const MAX_DOCUMENT = 8 * 1024 * 1024;
/** Most bytes that are kept of an archive: all its documents, its names, and something for each entry. */
const MAX_KEPT = 64 * 1024 * 1024;
const ENTRY_COST = 256;
/** Layers that are still being made durable while the next ones come. */
const MOST_PENDING = 6;

/** What a path of an archive turned out to be. */
export type ArchiveEntry =
  /** JSON and other small text. */
  | { readonly kind: 'document'; readonly bytes: Buffer }
  /** An uncompressed layer, unpacked already. */
  | { readonly kind: 'layer'; readonly diffId: DiffId }
  /** Anything else, stored as a blob; with a diff ID when it is a compressed layer that was unpacked meanwhile. */
  | {
      readonly kind: 'blob';
      readonly digest: Digest;
      readonly size: number;
      readonly diffId?: DiffId | undefined;
    };

export interface ArchiveEntries {
  /** What is at a path, links followed. */
  get(path: string): ArchiveEntry | undefined;
}

/** What is known of a file of the archive before it is read. */
export type Foreknown =
  /** Nobody wants it. */
  | { readonly kind: 'unwanted' }
  /** Its content is this layer: not read when that is here, unpacked at once otherwise. */
  | { readonly kind: 'layer'; readonly diffId: DiffId }
  | undefined;

export interface ReadArchive extends Omit<Receiving, 'onLayer'> {
  readonly onLayer: (path: string, size: number) => (current: number) => void;
  /** Asked once for each file that is no document, with what came before it. */
  readonly foreknown: (path: string, before: ArchiveEntries) => Foreknown;
}

const cleanPath = (path: string): string => posix.normalize(`/${path}`).slice(1);

/** The digest that a path in an OCI layout promises. */
export const promisedDigest = (path: string): Digest | undefined => {
  const [, algorithm, hex] = /^blobs\/([^/]+)\/([^/]+)$/.exec(path) ?? [];
  const text = `${algorithm}:${hex}`;
  return isDigest(text) ? text : undefined;
};

const readDocument = async (path: string, rest: AsyncIterable<Uint8Array>, room: number) => {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of rest) {
    size += chunk.length;
    if (size > MAX_DOCUMENT || size > room) {
      throw libraryErrors.archiveUnreadable({
        reason: `${path} is neither a layer nor of a document's size`,
      });
    }
    chunks.push(Buffer.from(chunk));
  }
  return { kind: 'document', bytes: Buffer.concat(chunks) } as const;
};

/** Whether this is text that describes rather than content. */
const isDocument = (head: Buffer, promised: Digest | undefined, size: number): boolean =>
  promised === undefined || (size <= MAX_DOCUMENT && /^\s*[{[]/.test(head.toString('latin1', 0, 16)));

const follow = (links: ReadonlyMap<string, string>, path: string): string => {
  let current = path;
  for (let steps = 0; steps < 8; steps += 1) {
    const target = links.get(current);
    if (target === undefined) return current;
    current = target;
  }
  return current;
};

/** One archive on its way. */
class Reading {
  readonly entries = new Map<string, ArchiveEntry>();
  readonly links = new Map<string, string>();
  readonly #pending = new Set<Promise<void>>();
  readonly #stop = new AbortController();
  readonly #context: Context;
  readonly #read: ReadArchive;
  readonly #signal: AbortSignal;
  #room = MAX_KEPT;
  #failure: { readonly error: unknown } | undefined;

  constructor(context: Context, read: ReadArchive) {
    this.#context = context;
    this.#read = read;
    const { signal } = read;
    this.#signal = signal === undefined ? this.#stop.signal : AbortSignal.any([signal, this.#stop.signal]);
  }

  get found(): ArchiveEntries {
    return { get: (path) => this.entries.get(follow(this.links, cleanPath(path))) };
  }

  async take(item: TarItem): Promise<void> {
    this.#read.signal?.throwIfAborted();
    if (this.#failure !== undefined) throw this.#failure.error;
    const path = cleanPath(item.entry.path);
    const { kind, linkName } = item.entry;
    this.#room -= ENTRY_COST + path.length + linkName.length;
    if (this.#room < 0) throw libraryErrors.archiveUnreadable({ reason: 'it has too many entries' });
    if (kind === 'symlink') this.links.set(path, cleanPath(posix.join(posix.dirname(path), linkName)));
    if (kind === 'hardlink') this.links.set(path, cleanPath(linkName));
    if (kind === 'file') await this.#file(item, path);
  }

  /** Waits for what is still on its way. */
  async settle(): Promise<void> {
    await Promise.all(this.#pending);
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  /** Gives up what is on its way. */
  async abandon(): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#pending);
  }

  async #file(item: TarItem, path: string): Promise<void> {
    const promised = promisedDigest(path);
    const { head, rest } = await peeked(item.content());
    const packed = packingOf(head) !== 'none';
    const tar = !packed && isTar(head);
    if (!tar && !packed && isDocument(head, promised, item.entry.size)) {
      const document = await readDocument(path, rest(), this.#room);
      this.#room -= document.bytes.length;
      this.entries.set(path, document);
      return;
    }
    const known = this.#read.foreknown(path, this.found);
    if (known?.kind === 'unwanted') return;
    await this.#content({ path, promised, tar, size: item.entry.size, chunks: rest() }, known);
  }

  async #content(
    file: {
      path: string;
      promised: Digest | undefined;
      tar: boolean;
      size: number;
      chunks: AsyncIterable<Uint8Array>;
    },
    known: { readonly diffId: DiffId } | undefined,
  ): Promise<void> {
    const { path, tar, size } = file;
    const receiving: Receiving = {
      lease: this.#read.lease,
      signal: this.#signal,
      onLayer: this.#read.onLayer(path, size),
    };
    const store = tar ? storeLayer : storeBlob;
    const { consumed, entry } = await store(this.#context, { ...file, diffId: known?.diffId }, receiving);
    const pending = entry
      .then((stored) => void this.entries.set(path, stored))
      .catch((error: unknown) => {
        this.#failure ??= { error };
        this.#stop.abort(error);
      })
      .finally(() => this.#pending.delete(pending));
    this.#pending.add(pending);
    await Promise.race([consumed, pending]);
    while (this.#pending.size >= MOST_PENDING) await Promise.race(this.#pending);
  }
}

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

/** The same chunks; remembers what the source failed with, which what is read of it would hide. */
const remembering = (chunks: AsyncIterable<Uint8Array>) => {
  const failures: unknown[] = [];
  async function* pass(): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      yield* chunks;
    } catch (error) {
      failures.push(error);
      throw error;
    }
  }
  return { chunks: pass(), failures };
};

/** Reads an archive in one pass: layers are stored as they come, whatever order it has. */
export const readArchive = async (
  context: Context,
  stream: Readable,
  read: ReadArchive,
): Promise<ArchiveEntries> => {
  const reading = new Reading(context, read);
  const { chunks, failures } = remembering(await archiveBytes(stream));
  try {
    for await (const item of readTar(chunks)) await reading.take(item);
    await reading.settle();
  } catch (error) {
    await reading.abandon();
    throw explain(failures[0] ?? error);
  }
  return reading.found;
};
