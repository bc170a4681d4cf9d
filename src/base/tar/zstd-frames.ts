/** Where one frame ends and the next begins in zstd data (RFC 8878, section 3.1), without decoding it. */

const FRAME_MAGIC = 0xfd2fb528;
const SKIPPABLE_MAGIC = 0x184d2a5;

/** What the walker reads next: so many bytes, and what they tell. */
interface Step {
  readonly size: number;
  next(bytes: Buffer): Step | undefined;
}

const START: Step = { size: 4, next: (magic) => afterMagic(magic.readUInt32LE()) };

const pass = (size: number, then: Step): Step => (size === 0 ? then : { size, next: () => then });

/** undefined: no zstd frame, and nothing more can be told. */
const afterMagic = (magic: number): Step | undefined => {
  if (magic >>> 4 === SKIPPABLE_MAGIC)
    return { size: 4, next: (length) => pass(length.readUInt32LE(), START) };
  return magic === FRAME_MAGIC
    ? { size: 1, next: ([descriptor = 0]) => afterDescriptor(descriptor) }
    : undefined;
};

const afterDescriptor = (descriptor: number): Step => {
  const single = (descriptor & 0x20) !== 0;
  const contentSize = [single ? 1 : 0, 2, 4, 8][descriptor >>> 6] ?? 0;
  const dictionary = [0, 1, 2, 4][descriptor & 3] ?? 0;
  const checksum = (descriptor & 4) === 0 ? 0 : 4;
  return pass((single ? 0 : 1) + dictionary + contentSize, blockStep(checksum));
};

const blockStep = (checksum: number): Step => ({
  size: 3,
  next(header) {
    const value = header.readUIntLE(0, 3);
    // A run of one byte (type 1) stores that byte once.
    const stored = ((value >>> 1) & 3) === 1 ? 1 : value >>> 3;
    const last = (value & 1) === 1;
    return pass(stored, last ? pass(checksum, START) : blockStep(checksum));
  },
});

/**
 * Cuts chunks where frames end: Node's decoder takes several frames only when each begins a chunk. What is no zstd goes
 * through as it is, for the decoder to refuse.
 */
export async function* splitZstdFrames(
  chunks: AsyncIterable<Buffer>,
): AsyncGenerator<Buffer, void, undefined> {
  let step: Step | undefined = START;
  let gathered: Buffer[] = [];
  let missing = START.size;
  for await (const chunk of chunks) {
    let cut = 0;
    for (let at = 0; step !== undefined && at < chunk.length;) {
      const piece: Buffer = chunk.subarray(at, at + missing);
      at += piece.length;
      missing -= piece.length;
      // Only headers are looked at; they have eight bytes at most.
      if (step.size <= 8) gathered.push(Buffer.from(piece));
      if (missing > 0) continue;
      step = step.next(Buffer.concat(gathered));
      gathered = [];
      missing = step?.size ?? 0;
      if (step !== START) continue;
      yield chunk.subarray(cut, at);
      cut = at;
    }
    if (cut < chunk.length) yield chunk.subarray(cut);
  }
}
