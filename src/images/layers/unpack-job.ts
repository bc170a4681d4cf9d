import { createHash } from 'node:crypto';
import { closeSync, openSync, writeSync } from 'node:fs';
import { algorithmOf, type Digest, type DigestAlgorithm } from '#oci';
import { followFile } from '#work';
import { createTarParser, type TarEntry } from '#tar';
import { openEntryBudget, type EntryBudget } from './entry-budget.ts';
import { layerErrors } from './errors.ts';
import { makeFormIfAlone, type FormRequest } from './form.ts';
import { askForRoom, type RoomRequest } from './room-port.ts';
import { passSource, type WorkerSource } from './source-bytes.ts';
import type { Compression } from './types.ts';
import { createWriteBack, type WriteBack } from './write-back.ts';

export interface UnpackRequest {
  readonly source: WorkerSource;
  readonly compression: Compression;
  /** Digest that the tar must have; sha256 is taken where none is named. */
  readonly expected?: Digest | undefined;
  readonly form: FormRequest;
  /** Keeps to one thread, because other layers are unpacked at the same time. */
  readonly among?: boolean | undefined;
  /** Asked when the disk is full. */
  readonly room?: RoomRequest | undefined;
}

export interface StoredTar {
  readonly algorithm: DigestAlgorithm;
  readonly hex: string;
  readonly size: number;
  /** The layer's form is left to be made for each stack. */
  readonly dependent: boolean;
}

/** Hashes a tar while it is written. */
interface TarDigest extends AsyncDisposable {
  written(chunk: Buffer, total: number): void;
  finish(total: number): Promise<string>;
}

const digestHere = (algorithm: DigestAlgorithm): TarDigest => {
  const hash = createHash(algorithm);
  return {
    written: (chunk) => void hash.update(chunk),
    finish: async () => hash.digest('hex'),
    [Symbol.asyncDispose]: async () => undefined,
  };
};

/** In a thread of its own, which reads the file again. */
const digestBeside = (path: string): TarDigest => {
  const follower = followFile(path);
  return {
    written: (_chunk, total) => follower.advance(total),
    finish: (total) => follower.finish(total),
    [Symbol.asyncDispose]: () => follower[Symbol.asyncDispose](),
  };
};

interface Output {
  readonly fd: number;
  readonly digest: TarDigest;
  readonly budget: EntryBudget;
  readonly room: RoomRequest | undefined;
  readonly early: WriteBack;
  size: number;
}

const isFull = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === 'ENOSPC';

/** Does something again as long as the disk is full and room can be made. */
const withRoom = <T>(room: RoomRequest | undefined, work: () => T): T => {
  for (;;) {
    try {
      return work();
    } catch (error) {
      if (!isFull(error) || room === undefined || !askForRoom(room)) throw error;
    }
  }
};

const put = (output: Output, chunk: Buffer): void => {
  for (let done = 0; done < chunk.length;)
    done += withRoom(output.room, () => writeSync(output.fd, chunk, done, chunk.length - done, null));
  output.size += chunk.length;
  output.digest.written(chunk, output.size);
  output.early.written(output.size);
};

const receive = async (
  output: Output,
  request: UnpackRequest,
  cancelled: () => boolean,
): Promise<TarEntry[]> => {
  const entries: TarEntry[] = [];
  const onEntry = (entry: TarEntry): void => {
    output.budget.take(entry);
    entries.push(entry);
  };
  const parser = createTarParser({ onEntry });
  await passSource(request.source, request.compression, (chunk) => {
    if (cancelled()) throw layerErrors.cancelled({});
    put(output, chunk);
    parser.feed(chunk);
  });
  parser.end();
  return entries;
};

/**
 * Writes the tar, hashes it and makes the layer's form if that depends on nothing. Durable is neither: that is for the
 * caller, before it records the layer.
 */
export const unpack = async (request: UnpackRequest, cancelled: () => boolean): Promise<StoredTar> => {
  const fd = openSync(request.form.tarPath, 'wx', 0o600);
  try {
    const algorithm = request.expected === undefined ? 'sha256' : algorithmOf(request.expected);
    const here = request.among === true || algorithm !== 'sha256';
    await using digest = here ? digestHere(algorithm) : digestBeside(request.form.tarPath);
    using budget = openEntryBudget();
    const { room } = request;
    await using early = createWriteBack(fd);
    const output: Output = { fd, digest, budget, room, early, size: 0 };
    const entries = await receive(output, request, cancelled);
    const finished = digest.finish(output.size);
    finished.catch(() => undefined);
    const dependent = makeFormIfAlone(request.form, entries, (work) => withRoom(room, work));
    const hex = await finished;
    await early.settle();
    const actual = `${algorithm}:${hex}`;
    if (request.expected !== undefined && request.expected !== actual)
      throw layerErrors.digestMismatch({ expected: request.expected, actual });
    return { algorithm, hex, size: output.size, dependent };
  } finally {
    closeSync(fd);
  }
};
