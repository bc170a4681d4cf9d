/** Work cut into small pieces: between two of them other work may have the thread. */
export type Pieces<T> = Generator<void, T>;

/** Does all pieces at once. */
export const doAll = <T>(pieces: Pieces<T>): T => {
  for (;;) {
    const piece = pieces.next();
    if (piece.done === true) return piece.value;
  }
};

/** So long, in milliseconds, other work waits at most, but for the length of one piece. */
const SLICE_MS = 12;

const breathe = (): Promise<void> =>
  new Promise((resolve) => {
    setImmediate(resolve);
  });

/** Does the pieces in slices of a few milliseconds, and lets other work have the thread between them. */
export const doInSlices = async <T>(pieces: Pieces<T>, signal?: AbortSignal): Promise<T> => {
  let until = performance.now() + SLICE_MS;
  for (;;) {
    const piece = pieces.next();
    if (piece.done === true) return piece.value;
    if (performance.now() < until) continue;
    await breathe();
    signal?.throwIfAborted();
    until = performance.now() + SLICE_MS;
  }
};
