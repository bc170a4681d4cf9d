/** Replaces secrets in a stream of output, also where one is cut in two by the edges of chunks. */
export interface SecretMask {
  /** What may be told of the stream so far; the rest is told with the next chunk. */
  mask(data: Uint8Array): Buffer;
  /** What was held back, at the end of the stream. */
  end(): Buffer;
}

const MASK = Buffer.from('****');
/** Shorter values are in every text by chance. */
const MIN_BYTES = 3;
const NEWLINE = 10;

const linesOf = (secret: Buffer): readonly Buffer[] => {
  const lines: Buffer[] = [];
  for (let from = 0; from <= secret.length;) {
    const end = secret.indexOf(NEWLINE, from);
    const line = secret.subarray(from, end < 0 ? secret.length : end);
    lines.push(line.at(-1) === 13 ? line.subarray(0, -1) : line);
    if (end < 0) break;
    from = end + 1;
  }
  return lines;
};

/** The texts that must not be seen: each secret as a whole, and each of its lines. Longest first. */
const patternsOf = (secrets: readonly Uint8Array[]): readonly Buffer[] => {
  const texts = new Map<string, Buffer>();
  for (const bytes of secrets) {
    for (const line of linesOf(Buffer.from(bytes))) {
      if (line.length >= MIN_BYTES) texts.set(line.toString('latin1'), line);
    }
  }
  return [...texts.values()].toSorted((a, b) => b.length - a.length);
};

interface Found {
  readonly at: number;
  readonly length: number;
}

const firstIn = (data: Buffer, patterns: readonly Buffer[], from: number): Found | undefined => {
  let found: Found | undefined;
  // The longest pattern that begins first: they are sorted.
  for (const pattern of patterns) {
    const at = data.indexOf(pattern, from);
    if (at >= 0 && (found === undefined || at < found.at)) found = { at, length: pattern.length };
  }
  return found;
};

/** Length of the longest end of `data` that may be the beginning of a pattern. */
const openEnd = (data: Buffer, patterns: readonly Buffer[]): number => {
  let longest = 0;
  for (const pattern of patterns) {
    for (let length = Math.min(pattern.length - 1, data.length); length > longest; length -= 1) {
      if (data.subarray(data.length - length).equals(pattern.subarray(0, length))) longest = length;
    }
  }
  return longest;
};

/**
 * Masks secrets in one stream; a secret of several lines is masked line by line, since output is. Values of one or two
 * bytes are not masked. Undefined when there is nothing to mask.
 */
export const createSecretMask = (secrets: readonly Uint8Array[]): SecretMask | undefined => {
  const patterns = patternsOf(secrets);
  if (patterns.length === 0) return undefined;
  let held = Buffer.alloc(0);
  /** Whether the stream may go on so that a longer secret begins here. */
  const mayBeLonger = (rest: Buffer): boolean =>
    patterns.some((pattern) => pattern.length > rest.length && pattern.subarray(0, rest.length).equals(rest));
  const replaced = (data: Buffer, ended: boolean): Buffer => {
    const pieces: Buffer[] = [];
    let from = 0;
    for (let found = firstIn(data, patterns, 0); found; found = firstIn(data, patterns, from)) {
      if (!ended && mayBeLonger(data.subarray(found.at))) break;
      pieces.push(data.subarray(from, found.at), MASK);
      from = found.at + found.length;
    }
    const rest = data.subarray(from);
    const open = ended ? 0 : openEnd(rest, patterns);
    held = Buffer.from(rest.subarray(rest.length - open));
    return Buffer.concat([...pieces, rest.subarray(0, rest.length - open)]);
  };
  return {
    mask: (data) => replaced(Buffer.concat([held, data]), false),
    end: () => replaced(held, true),
  };
};
