const BLOCK = 512;

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

/** The content of a file of the archive: its first block, and all of it; a chunk is valid until the next is asked for. */
export const peeked = async (chunks: AsyncIterable<Uint8Array>) => {
  const iterator = chunks[Symbol.asyncIterator]();
  let head = Buffer.alloc(0);
  while (head.length < BLOCK) {
    const next = await iterator.next();
    if (next.done === true) break;
    head = Buffer.concat([head, next.value]);
  }
  async function* rest(): AsyncGenerator<Uint8Array, void, undefined> {
    if (head.length > 0) yield head;
    for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) yield next.value;
  }
  return { head, rest };
};
