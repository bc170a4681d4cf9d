import { open, unlink, type FileHandle } from 'node:fs/promises';
import { algorithmOf, digestOf, type Digest, type DigestAlgorithm } from '#oci';
import { followFile, hashFile, type FileFollower } from '#work';
import { storeErrors } from './errors.ts';
import { withRoom } from './with-room.ts';
import type { BlobInfo, Ingest, IngestOptions } from './types.ts';

type Expected = NonNullable<IngestOptions['expected']>;

/** What an ingest needs from the blob store. */
export interface IngestPlace {
  readonly path: string;
  /** Moves the file, which is verified and durable, to where blobs are and records it. */
  publish(info: BlobInfo): Promise<void>;
  /** The ref may be written by others again. */
  free(): void;
  /** Asked when the disk is full. */
  readonly makeRoom: { run: () => Promise<boolean> };
}

interface State {
  offset: number;
  follower: FileFollower;
  open: boolean;
}

const assertSize = (expected: number | undefined, actual: number): void => {
  if (expected !== undefined && expected !== actual) throw storeErrors.sizeMismatch({ expected, actual });
};

const writeFully = async (handle: FileHandle, chunk: Uint8Array, position: number): Promise<void> => {
  for (let done = 0; done < chunk.length;) {
    const { bytesWritten } = await handle.write(chunk, done, chunk.length - done, position + done);
    done += bytesWritten;
  }
};

class FileIngest implements Ingest {
  readonly ref: string;
  readonly path: string;
  readonly #place: IngestPlace;
  readonly #handle: FileHandle;
  readonly #expected: Expected;
  readonly #state: State;

  constructor(place: IngestPlace, options: IngestOptions, handle: FileHandle, offset: number) {
    this.ref = options.ref;
    this.path = place.path;
    this.#place = place;
    this.#handle = handle;
    this.#expected = options.expected ?? {};
    this.#state = { offset, follower: this.#follow(), open: true };
    this.#state.follower.advance(offset);
  }

  get offset(): number {
    return this.#state.offset;
  }

  get #algorithm(): DigestAlgorithm {
    return this.#expected.digest === undefined ? 'sha256' : algorithmOf(this.#expected.digest);
  }

  async write(chunk: Uint8Array): Promise<void> {
    const actual = this.#state.offset + chunk.length;
    const { size } = this.#expected;
    if (size !== undefined && actual > size) throw storeErrors.sizeMismatch({ expected: size, actual });
    await withRoom(this.#place.makeRoom, () => writeFully(this.#handle, chunk, this.#state.offset));
    this.#state.offset = actual;
    this.#state.follower.advance(actual);
  }

  async restart(): Promise<void> {
    await this.#state.follower[Symbol.asyncDispose]();
    await this.#handle.truncate(0);
    this.#state.offset = 0;
    // Whoever gave it up meanwhile has ended the follower that was there.
    if (this.#state.open) this.#state.follower = this.#follow();
  }

  async commit(expected: Expected = {}): Promise<BlobInfo> {
    try {
      const info = await this.#verify({ ...this.#expected, ...expected });
      await this.#handle.sync();
      await this.#place.publish(info);
      await this.#close();
      return info;
    } catch (error) {
      await this.abort();
      throw error;
    }
  }

  async abort(): Promise<void> {
    if (!this.#state.open) return;
    await this.#close();
    await unlink(this.path).catch(() => undefined);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#close();
  }

  async #verify(expected: Expected): Promise<BlobInfo> {
    const size = this.#state.offset;
    assertSize(expected.size, size);
    const digest = await this.#digest(expected.digest);
    if (expected.digest !== undefined && expected.digest !== digest) {
      throw storeErrors.digestMismatch({ expected: expected.digest, actual: digest });
    }
    return { digest, size };
  }

  async #digest(expected: Digest | undefined): Promise<Digest> {
    const algorithm = expected === undefined ? this.#algorithm : algorithmOf(expected);
    if (algorithm === this.#algorithm) {
      return digestOf(algorithm, await this.#state.follower.finish(this.#state.offset));
    }
    return digestOf(algorithm, await hashFile(this.path, { algorithm, end: this.#state.offset }));
  }

  #follow(): FileFollower {
    return followFile(this.path, { algorithm: this.#algorithm });
  }

  async #close(): Promise<void> {
    if (!this.#state.open) return;
    this.#state.open = false;
    await this.#state.follower[Symbol.asyncDispose]();
    await this.#handle.close();
    this.#place.free();
  }
}

const openResumable = async (path: string, limit: number | undefined) => {
  const handle = await open(path, 'a+', 0o600).then(async (made) => {
    await made.close();
    return open(path, 'r+');
  });
  const { size } = await handle.stat();
  if (limit === undefined || size <= limit) return { handle, offset: size };
  await handle.truncate(0);
  return { handle, offset: 0 };
};

/** Opens the growing file of an ingest, at the end of what is there. */
export const openIngest = async (place: IngestPlace, options: IngestOptions): Promise<Ingest> => {
  const { handle, offset } = await openResumable(place.path, options.expected?.size);
  return new FileIngest(place, options, handle, offset);
};
