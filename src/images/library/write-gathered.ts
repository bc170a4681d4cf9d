import { releaseChunk } from '#http';

/** Written at a time. */
const PIECE_BYTES = 512 * 1024;
/** What came is written after so many milliseconds even if it is less. */
const PATIENCE_MS = 100;

/**
 * Gives the bytes of a stream from the network to `write` in larger pieces, which are valid until `write` resolves.
 * What came before a failure is written too. The stream's own chunks are given back at once and not left to the
 * garbage collector: at the speed of a download it would collect all the time, and memory would grow meanwhile.
 */
export const writeGathered = async (
  stream: AsyncIterable<Buffer>,
  write: (piece: Buffer) => Promise<void>,
): Promise<void> => {
  let gathered = Buffer.allocUnsafeSlow(PIECE_BYTES);
  let spare = Buffer.allocUnsafeSlow(PIECE_BYTES);
  let writing: Promise<void> = Promise.resolve();
  let used = 0;
  let since = performance.now();
  /** Starts to write what was gathered, once what came before is written. */
  const flush = async (): Promise<void> => {
    await writing;
    const piece = gathered.subarray(0, used);
    [gathered, spare] = [spare, gathered];
    used = 0;
    since = performance.now();
    if (piece.length === 0) return;
    writing = write(piece);
    writing.catch(() => undefined);
  };
  const gather = async (chunk: Buffer): Promise<void> => {
    for (let done = 0; done < chunk.length;) {
      const taken = chunk.copy(gathered, used, done);
      used += taken;
      done += taken;
      if (used === PIECE_BYTES) await flush();
    }
  };
  try {
    for await (const chunk of stream) {
      await gather(chunk);
      releaseChunk(chunk);
      if (performance.now() - since >= PATIENCE_MS) await flush();
    }
  } finally {
    await flush();
    await writing;
  }
};
