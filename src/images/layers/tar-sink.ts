import { createHash, type Hash } from 'node:crypto';
import { closeSync, fdatasync, fstatSync, openSync, readSync, writeSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { promisify } from 'node:util';
import { copyFileRange } from '#sys';
import { followFile, type FileFollower } from '#work';
import { encodeTarHeader, TAR_END, tarErrors, tarPadding, type TarEntry, type TarHeader } from '#tar';
import { openEntryBudget } from './entry-budget.ts';
import type { EntrySource } from './types.ts';
import type { WrittenFile } from './written-files.ts';

const sync = promisify(fdatasync);
const BUFFER = 1 << 20;
/** Hashed on this thread up to here; a thread of its own re-reads the file beyond. */
const INLINE_HASH = 4 << 20;
/** Copied by one call of the kernel: what was copied is hashed meanwhile. */
const COPY_STEP = 8 << 20;
/** Copied at the latest: hashing should not wait for the end. */
const MOST_AT_ONCE = 32 << 20;
/** Longest time without giving other work a turn, in milliseconds. */
const TURN = 5;

/** A tar that is written once and hashed meanwhile. */
export interface TarSink extends AsyncDisposable {
  readonly fd: number;
  /** What was added, as a reader of the tar would find it. */
  readonly entries: TarEntry[];
  /** Where the next entry begins. */
  readonly position: number;
  /** Appends an entry of another tar, with its header and filling; `entry` is what it is there. */
  copy(piece: TarPiece): Promise<void>;
  add(header: TarHeader, source?: EntrySource): Promise<void>;
  /** Ends the archive and begins to write a long one back; the digest in hex and the size in bytes. `meanwhile` runs while it is hashed. */
  finish(meanwhile?: () => void): Promise<{ readonly hex: string; readonly size: number }>;
}

/** An entry of another tar. */
export interface TarPiece extends WrittenFile {
  readonly fd: number;
}

/** Hashes what is written: at once while little, else in a worker that follows the file. */
class SinkHash {
  readonly #path: string;
  readonly #inline: Hash = createHash('sha256');
  #follower: FileFollower | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  /** Without a chunk: what was written did not pass through this process. */
  written(chunk: Uint8Array | undefined, total: number): void {
    if (chunk !== undefined && total <= INLINE_HASH && this.#follower === undefined)
      this.#inline.update(chunk);
    else {
      this.#follower ??= followFile(this.#path);
      this.#follower.advance(total);
    }
  }

  finish(total: number): Promise<string> {
    return this.#follower?.finish(total) ?? Promise.resolve(this.#inline.digest('hex'));
  }

  async dispose(): Promise<void> {
    await this.#follower?.[Symbol.asyncDispose]();
  }
}

const entryOf = (header: TarHeader, size: number, dataOffset: number): TarEntry => ({
  path: header.path,
  kind: header.kind,
  mode: (header.mode ?? 0) & 0o7777,
  uid: header.uid ?? 0,
  gid: header.gid ?? 0,
  userName: header.userName ?? '',
  groupName: header.groupName ?? '',
  size,
  mtimeNs: header.mtimeNs ?? 0n,
  linkName: header.linkName ?? '',
  major: header.major ?? 0,
  minor: header.minor ?? 0,
  xattrs: new Map([...(header.xattrs ?? [])].map(([name, value]) => [name, Buffer.from(value)])),
  dataOffset,
  storedSize: size,
  sparse: undefined,
});

const changed = (path: string, size: number, found: number): Error =>
  tarErrors.notWritable({ path, reason: `it has ${found} bytes instead of ${size}: it changed meanwhile` });

class Sink implements TarSink {
  readonly fd: number;
  readonly entries: TarEntry[] = [];
  readonly #hash: SinkHash;
  readonly #buffer = Buffer.allocUnsafeSlow(BUFFER);
  readonly #budget = openEntryBudget();
  #used = 0;
  #flushed = 0;
  /** A piece of another tar that is still to be copied; the buffer is empty then. */
  #piece: { readonly fd: number; readonly start: number; length: number } | undefined;
  #turn = performance.now();

  constructor(path: string) {
    this.fd = openSync(path, 'wx+', 0o600);
    this.#hash = new SinkHash(path);
  }

  get position(): number {
    return this.#flushed + this.#used + (this.#piece?.length ?? 0);
  }

  async copy({ fd, start, length, entry }: TarPiece): Promise<void> {
    const moved = { ...entry, dataOffset: entry.dataOffset - start + this.position };
    this.#budget.take(moved);
    this.entries.push(moved);
    const piece = this.#piece;
    if (piece?.fd === fd && piece.start + piece.length === start && piece.length < MOST_AT_ONCE) {
      piece.length += length;
      return;
    }
    await this.#copyPiece();
    if (this.#used > 0) this.#flush();
    this.#piece = { fd, start, length };
    await this.#yield();
  }

  async add(header: TarHeader, source?: EntrySource): Promise<void> {
    if (this.#piece !== undefined) await this.#copyPiece();
    if (header.kind !== 'file' || source === undefined) this.#announce(header, 0);
    else if (source.kind === 'bytes') {
      this.#announce(header, source.bytes.byteLength);
      this.#put(source.bytes);
      this.#pad(source.bytes.byteLength);
    } else if (source.kind === 'path') await this.#addPath(header, source.path);
    else await this.#addStream(header, source);
    await this.#yield();
  }

  async finish(meanwhile?: () => void): Promise<{ readonly hex: string; readonly size: number }> {
    await this.#copyPiece();
    this.#put(TAR_END);
    this.#flush();
    const size = this.#flushed;
    // Whoever stores it makes it durable; for a long one that begins while its end is still hashed.
    const ended = Promise.all([this.#hash.finish(size), size > INLINE_HASH ? sync(this.fd) : undefined]);
    ended.catch(() => undefined);
    meanwhile?.();
    const [hex] = await ended;
    return { hex, size };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#budget[Symbol.dispose]();
    await this.#hash.dispose();
    closeSync(this.fd);
  }

  async #addPath(header: TarHeader, path: string | Buffer): Promise<void> {
    const fd = openSync(path, 'r');
    try {
      const { size } = fstatSync(fd);
      this.#announce(header, size);
      for (let done = 0; done < size;) {
        if (this.#used === BUFFER) this.#flush();
        const room = Math.min(BUFFER - this.#used, size - done);
        const read = readSync(fd, this.#buffer, this.#used, room, done);
        if (read === 0) throw changed(header.path, size, done);
        this.#used += read;
        done += read;
        await this.#yield();
      }
      this.#pad(size);
    } finally {
      closeSync(fd);
    }
  }

  async #addStream(header: TarHeader, source: Extract<EntrySource, { kind: 'stream' }>): Promise<void> {
    const { size } = source;
    this.#announce(header, size);
    let done = 0;
    for await (const chunk of source.stream) {
      done += chunk.byteLength;
      if (done > size) throw changed(header.path, size, done);
      this.#put(chunk);
    }
    if (done !== size) throw changed(header.path, size, done);
    this.#pad(size);
  }

  /** Copies what is waiting, within the kernel where it can. */
  async #copyPiece(): Promise<void> {
    const piece = this.#piece;
    this.#piece = undefined;
    if (piece === undefined) return;
    for (let done = 0; done < piece.length;) {
      const wanted = Math.min(piece.length - done, COPY_STEP);
      const copied = await copyFileRange(piece.fd, piece.start + done, this.fd, wanted);
      if (copied < 1) {
        await this.#readPiece(piece.fd, piece.start + done, piece.length - done);
        return;
      }
      done += copied;
      this.#flushed += copied;
      this.#hash.written(undefined, this.#flushed);
    }
  }

  async #readPiece(fd: number, start: number, length: number): Promise<void> {
    for (let done = 0; done < length;) {
      if (this.#used === BUFFER) this.#flush();
      const room = Math.min(BUFFER - this.#used, length - done);
      const read = readSync(fd, this.#buffer, this.#used, room, start + done);
      if (read === 0) throw changed('an earlier layer', length, done);
      this.#used += read;
      done += read;
      await this.#yield();
    }
  }

  #announce(header: TarHeader, size: number): void {
    const encoded = { ...header, size };
    this.#put(encodeTarHeader(encoded));
    const entry = entryOf(encoded, size, this.#flushed + this.#used);
    this.#budget.take(entry);
    this.entries.push(entry);
  }

  #pad(size: number): void {
    this.#put(Buffer.alloc(tarPadding(size)));
  }

  #put(bytes: Uint8Array): void {
    for (let done = 0; done < bytes.byteLength;) {
      if (this.#used === BUFFER) this.#flush();
      const piece = bytes.subarray(done, done + BUFFER - this.#used);
      this.#buffer.set(piece, this.#used);
      this.#used += piece.byteLength;
      done += piece.byteLength;
    }
  }

  #flush(): void {
    const piece = this.#buffer.subarray(0, this.#used);
    for (let done = 0; done < piece.length;)
      done += writeSync(this.fd, piece, done, piece.length - done, null);
    this.#flushed += piece.length;
    this.#hash.written(piece, this.#flushed);
    this.#used = 0;
  }

  async #yield(): Promise<void> {
    if (performance.now() - this.#turn < TURN) return;
    await setImmediate();
    this.#turn = performance.now();
  }
}

/** Starts a new tar at `path`, which must not exist. Equal entries give equal bytes. */
export const createTarSink = (path: string): TarSink => new Sink(path);
