/** Bytes of each of two halves; a busy machine takes its time to wake the other thread for each. */
export const HALF = 2 * 1024 * 1024;

const MOST_FREE = 6;
const KEEP_MS = 5000;

const free: SharedArrayBuffer[] = [];
let forget: NodeJS.Timeout | undefined;

/** Memory of two halves for one stream, used again for the next: an image may have hundreds of layers. */
export const takeSlots = (): SharedArrayBuffer => free.pop() ?? new SharedArrayBuffer(2 * HALF);

/** Gives back what neither side uses any more; let go when nobody takes it for a while. */
export const giveSlots = (slots: SharedArrayBuffer): void => {
  if (free.length < MOST_FREE) free.push(slots);
  clearTimeout(forget);
  forget = setTimeout(() => (free.length = 0), KEEP_MS);
  forget.unref();
};

/** What the asking side sees of an answer until it asks again. */
export const filledPart = (slots: SharedArrayBuffer, half: number, length: number): Buffer =>
  Buffer.from(slots, half * HALF, length);
