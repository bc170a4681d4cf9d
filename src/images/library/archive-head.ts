const BLOCK = 512;
/** Chunks are handed on in pieces of about this size: each costs a message to another thread. */
const PIECE = 512 * 1024;

const checksumFits = (block: Buffer): boolean => {
  const stored = Number.parseInt(block.toString('latin1', 148, 156).replaceAll('\0', ' ').trim(), 8);
  const sum = block.reduce((total, byte, index) => total + (index >= 148 && index < 156 ? 32 : byte), 0);
  return stored === sum;
};

/** Whether content that begins so is a tar; an empty one is zeros. */
export const isTar = (head: Buffer): boolean => {
  if (head.length < BLOCK) return false;
  const block = head.subarray(0, BLOCK);
  return block.every((byte) => byte === 0) || checksumFits(block);
};

/** The content of a file of the archive: its first block, and all of it in larger pieces, which are copies. */
export const peeked = async (chunks: AsyncIterable<Uint8Array>) => {
  const iterator = chunks[Symbol.asyncIterator]();
  let head = Buffer.alloc(0);
  while (head.length < BLOCK) {
    const next = await iterator.next();
    if (next.done === true) break;
    head = Buffer.concat([head, next.value]);
  }
  async function* rest(): AsyncGenerator<Buffer, void, undefined> {
    let piece = Buffer.allocUnsafeSlow(PIECE);
    let filled = 0;
    for (let chunk: Uint8Array | undefined = head; chunk !== undefined;) {
      for (let at = 0; at < chunk.length;) {
        const length = Math.min(chunk.length - at, PIECE - filled);
        piece.set(chunk.subarray(at, at + length), filled);
        at += length;
        filled += length;
        if (filled < PIECE) continue;
        yield piece;
        piece = Buffer.allocUnsafeSlow(PIECE);
        filled = 0;
      }
      const next: IteratorResult<Uint8Array> = await iterator.next();
      chunk = next.done === true ? undefined : next.value;
    }
    if (filled > 0) yield piece.subarray(0, filled);
  }
  return { head, rest };
};
