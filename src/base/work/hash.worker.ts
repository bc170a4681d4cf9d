import { createHash, type Hash } from 'node:crypto';
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { workErrors } from './errors.ts';
import { END_CELL, NEWS_CELL, WRITTEN_CELL, type HashRequest } from './hash-protocol.ts';
import { serveJobs } from './serve-jobs.ts';
import type { JobContext } from './types.ts';

const CHUNK = 1 << 20;
/** Other jobs of this thread get a turn after so many bytes. */
const TURN = 8 * CHUNK;

const buffer = Buffer.allocUnsafeSlow(CHUNK);

interface Reader {
  readonly path: string;
  readonly fd: number;
  readonly hash: Hash;
  position: number;
}

/** Hashes at most one turn's bytes up to `end`. */
const hashTurn = (reader: Reader, end: number): void => {
  const stop = Math.min(end, reader.position + TURN);
  while (reader.position < stop) {
    const read = readSync(reader.fd, buffer, 0, Math.min(CHUNK, stop - reader.position), reader.position);
    if (read === 0) throw workErrors.fileTooShort({ path: reader.path, wanted: end, found: reader.position });
    reader.hash.update(buffer.subarray(0, read));
    reader.position += read;
  }
};

const hashRange = async (reader: Reader, end: number, context: JobContext): Promise<string> => {
  while (reader.position < end) {
    if (context.cancelled()) throw workErrors.cancelled({ name: `hashing ${reader.path}` });
    hashTurn(reader, end);
    await setImmediate();
  }
  return reader.hash.digest('hex');
};

const follow = async (
  reader: Reader,
  cells: BigInt64Array<SharedArrayBuffer>,
  context: JobContext,
): Promise<string> => {
  while (!context.cancelled()) {
    const news = Atomics.load(cells, NEWS_CELL);
    const end = Number(Atomics.load(cells, END_CELL));
    const written = Number(Atomics.load(cells, WRITTEN_CELL));
    if (end >= 0 && written >= end) return await hashRange(reader, end, context);
    if (reader.position < written) {
      hashTurn(reader, written);
      await setImmediate();
    } else {
      await Atomics.waitAsync(cells, NEWS_CELL, news).value;
    }
  }
  throw workErrors.cancelled({ name: `hashing ${reader.path}` });
};

serveJobs<HashRequest, string>(async (request, context) => {
  const bytes = Buffer.from(request.path);
  const path = bytes.toString();
  const fd = openSync(bytes, 'r');
  try {
    const hash = createHash(request.algorithm);
    if (request.kind === 'follow')
      return await follow({ path, fd, hash, position: 0 }, new BigInt64Array(request.shared), context);
    const end = request.end ?? fstatSync(fd).size;
    return await hashRange({ path, fd, hash, position: request.start }, end, context);
  } finally {
    closeSync(fd);
  }
});
