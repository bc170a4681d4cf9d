import { closeSync, constants, ftruncate, openSync, writev, writevSync } from 'node:fs';
import { promisify } from 'node:util';
import { createUploadHash } from './upload-hash.ts';
import type { UploadFile } from './upload-files.ts';

const truncateFile = promisify(ftruncate);

/** Written at once when so much waits. */
const BATCH_BYTES = 512 * 1024;
/** Written anyhow after that: what came before a cut counts. */
const BATCH_MS = 10;

const bytesIn = (chunks: readonly Uint8Array[]): number =>
  chunks.reduce((sum, { length }) => sum + length, 0);

/** Up to here the kernel takes the bytes in less time than a thread of the pool takes to begin. */
const AT_ONCE_BYTES = 16 * 1024;

const writeVectors = (fd: number, chunks: readonly Uint8Array[], position: number): Promise<number> =>
  new Promise((resolve, reject) => {
    if (bytesIn(chunks) <= AT_ONCE_BYTES) return resolve(writevSync(fd, chunks, position));
    writev(fd, chunks, position, (error, written) => (error === null ? resolve(written) : reject(error)));
  });

/** What is left of the chunks behind their first bytes. */
const behind = (chunks: readonly Uint8Array[], bytes: number): readonly Uint8Array[] => {
  let skip = bytes;
  return chunks.flatMap((chunk) => {
    const rest = chunk.subarray(Math.min(skip, chunk.length));
    skip -= chunk.length - rest.length;
    return rest.length === 0 ? [] : [rest];
  });
};

const writeAll = async (fd: number, chunks: readonly Uint8Array[], position: number): Promise<void> => {
  let at = position;
  for (let left = chunks; left.length > 0;) {
    const written = await writeVectors(fd, left, at);
    at += written;
    left = behind(left, written);
  }
};

interface Appender {
  /** Takes a chunk; resolves when there is room for the next. */
  add(chunk: Uint8Array): Promise<void>;
  /** Resolves when everything taken is written. */
  flush(): Promise<void>;
}

const createAppender = (fd: number, session: UploadFile, used: (chunk: Uint8Array) => void): Appender => {
  let waiting: Uint8Array[] = [];
  let bytes = 0;
  let writing: Promise<void> = Promise.resolve();
  let timer: NodeJS.Timeout | undefined;

  const write = async (chunks: readonly Uint8Array[]): Promise<void> => {
    try {
      await writeAll(fd, chunks, session.size);
    } catch (error) {
      session.hash?.abort();
      session.hash = undefined;
      await truncateFile(fd, session.size).catch(() => undefined);
      throw error;
    }
    for (const chunk of chunks) {
      session.size += chunk.length;
      session.hash?.update(chunk, session.size);
      used(chunk);
    }
  };

  /** One write at a time; after a failed one there is no other. */
  const next = (): void => {
    clearTimeout(timer);
    timer = undefined;
    const chunks = waiting;
    waiting = [];
    bytes = 0;
    writing = writing.then(() => write(chunks));
    writing.catch(() => undefined);
  };

  return {
    add: async (chunk) => {
      waiting.push(chunk);
      bytes += chunk.length;
      timer ??= setTimeout(next, BATCH_MS);
      if (bytes < BATCH_BYTES) return;
      const before = writing;
      next();
      await before;
    },
    flush: async () => {
      if (bytesIn(waiting) > 0) next();
      clearTimeout(timer);
      await writing;
    },
  };
};

/**
 * Appends to the session's file, hashing on the way; the next chunks are taken while the last ones are written. `used` is
 * called with each chunk that is no longer needed.
 */
export const appendTo = async (
  session: UploadFile,
  source: AsyncIterable<Uint8Array>,
  used: (chunk: Uint8Array) => void,
): Promise<void> => {
  // The file was made a moment ago: neither call waits for the disk, and the pool costs ten times as much.
  const fd = openSync(session.path, constants.O_WRONLY);
  if (session.size === 0) session.hash ??= createUploadHash(session.path, session.algorithm);
  const appender = createAppender(fd, session, used);
  try {
    try {
      for await (const chunk of source) await appender.add(chunk);
    } finally {
      await appender.flush();
    }
  } finally {
    closeSync(fd);
  }
};
