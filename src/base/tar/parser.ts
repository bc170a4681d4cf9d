import { buildEntry, damaged, kindOf, realSizeOf, storedSizeOf, type EntryParts } from './entry.ts';
import { tarErrors } from './errors.ts';
import { BLOCK, decodeHeader, type RawHeader } from './header.ts';
import { parsePax, type PaxRecords } from './pax.ts';
import {
  checkSparse,
  createSparseMapReader,
  hasSparseMapInData,
  oldSparseBlock,
  oldSparseHeader,
  paxSparseMap,
} from './sparse.ts';
import type { TarEntry, TarExtent, TarParser, TarVisitor } from './types.ts';

/** Bytes of one extended header or long name, as Go's archive/tar allows. */
const META_LIMIT = 1 << 20;
/** Records that hold for all entries. */
const GLOBAL_LIMIT = 256;
/** Extents of one sparse file in GNU's old format. */
const EXTENT_LIMIT = 65_536;

const padded = (size: number): number => Math.ceil(size / BLOCK) * BLOCK;
const ZEROS = Buffer.alloc(BLOCK);

/** What the parser waits for. `gather` collects a small run of bytes; `content` passes or skips a large one. */
type State =
  | { readonly kind: 'gather'; readonly size: number; readonly inside: string; take(bytes: Buffer): State }
  | { readonly kind: 'content'; readonly entry: TarEntry; left: number; padding: number }
  | { readonly kind: 'finished' };

interface Pending {
  global: PaxRecords;
  local: PaxRecords | undefined;
  longName: Buffer | undefined;
  longLink: Buffer | undefined;
}

interface Context {
  readonly visitor: TarVisitor;
  readonly pending: Pending;
  /** Byte of the archive where the bytes being taken end. */
  position: number;
}

const cut = (bytes: Buffer): Buffer => {
  const end = bytes.indexOf(0);
  return Buffer.from(end === -1 ? bytes : bytes.subarray(0, end));
};

/** Each entry is given all of them. */
const mergeGlobal = (known: PaxRecords, more: PaxRecords, offset: number): PaxRecords => {
  const merged = new Map([...known, ...more]);
  const size = [...merged].reduce((sum, [key, value]) => sum + key.length + value.length, 0);
  if (merged.size > GLOBAL_LIMIT || size > META_LIMIT)
    throw tarErrors.tooLarge({ offset, what: 'global headers', limit: META_LIMIT });
  return merged;
};

const keepMeta = (context: Context, type: string, data: Buffer): void => {
  const { pending } = context;
  const offset = context.position - padded(data.length);
  if (type === 'L') pending.longName = cut(data);
  else if (type === 'K') pending.longLink = cut(data);
  else if (type === 'g') pending.global = mergeGlobal(pending.global, parsePax(data, offset), offset);
  else pending.local = parsePax(data, offset);
};

const META: Readonly<Record<string, string>> = {
  x: 'an extended header',
  X: 'an extended header',
  g: 'a global header',
  L: 'a long name',
  K: 'a long link name',
};

const metaState = (context: Context, header: RawHeader): State => {
  const { type, size } = header;
  const what = META[type] ?? '';
  if (size > META_LIMIT || size < 0)
    throw tarErrors.tooLarge({ offset: context.position - BLOCK, what, limit: META_LIMIT });
  return {
    kind: 'gather',
    size: padded(size),
    inside: what,
    take(bytes) {
      keepMeta(context, type, bytes.subarray(0, size));
      return headerState(context);
    },
  };
};

interface Content {
  readonly stored: number;
  readonly size: number;
  readonly sparse: readonly TarExtent[] | undefined;
}

/** Announces the entry; its content, if any, comes next. */
const announce = (context: Context, parts: EntryParts, content: Content): State => {
  const { stored, size } = content;
  const sparse =
    content.sparse === undefined ? undefined : checkSparse(content.sparse, { size, stored }, parts.at);
  const entry = buildEntry(parts, {
    dataOffset: context.position,
    storedSize: stored,
    size,
    sparse,
  });
  context.visitor.onEntry(entry);
  if (stored === 0) return headerState(context);
  return { kind: 'content', entry, left: stored, padding: padded(stored) - stored };
};

/** More blocks with extents of GNU's old format. */
const oldSparseState = (
  context: Context,
  parts: EntryParts,
  found: Content & { sparse: TarExtent[] },
): State => ({
  kind: 'gather',
  size: BLOCK,
  inside: 'the map of a sparse file',
  take(block) {
    const { extents, more } = oldSparseBlock(block, context.position - BLOCK);
    found.sparse.push(...extents);
    if (found.sparse.length > EXTENT_LIMIT)
      throw tarErrors.tooLarge({ offset: parts.at, what: 'a sparse map', limit: EXTENT_LIMIT });
    return more ? oldSparseState(context, parts, found) : announce(context, parts, found);
  },
});

/** The map of format 1.0, which counts as content. */
const sparseMapState = (
  context: Context,
  parts: EntryParts,
  [reader, stored]: readonly [ReturnType<typeof createSparseMapReader>, number],
): State => ({
  kind: 'gather',
  size: BLOCK,
  inside: 'the map of a sparse file',
  take(block) {
    if (stored < BLOCK) throw damaged(parts, 'its sparse map exceeds it');
    const sparse = reader.push(block);
    const left = stored - BLOCK;
    if (sparse === undefined) return sparseMapState(context, parts, [reader, left]);
    return announce(context, parts, { stored: left, size: realSizeOf(parts), sparse });
  },
});

const entryState = (context: Context, header: RawHeader, block: Buffer): State => {
  const { pending } = context;
  const at = context.position - BLOCK;
  const { longName, longLink } = pending;
  const records =
    pending.local === undefined ? pending.global : new Map([...pending.global, ...pending.local]);
  pending.local = pending.longName = pending.longLink = undefined;
  const parts: EntryParts = { header, at, records, longName, longLink };
  const stored = storedSizeOf(parts);
  if (stored < 0) throw damaged(parts, 'its size is negative');
  if (header.type === 'S') {
    const { extents, size, more } = oldSparseHeader(block, at);
    const found = { stored, size, sparse: extents };
    return more ? oldSparseState(context, parts, found) : announce(context, parts, found);
  }
  if (kindOf(parts) === 'file' && hasSparseMapInData(records))
    return sparseMapState(context, parts, [createSparseMapReader(at), stored]);
  const sparse = kindOf(parts) === 'file' ? paxSparseMap(records, at) : undefined;
  return announce(context, parts, {
    stored,
    size: sparse === undefined ? stored : realSizeOf(parts),
    sparse,
  });
};

/** A second block of zeros ends the archive; anything else after the first is damage. */
const endState = (context: Context): State => ({
  kind: 'gather',
  size: BLOCK,
  inside: 'its end',
  take(block) {
    if (block.equals(ZEROS)) return { kind: 'finished' };
    throw tarErrors.damaged({ offset: context.position - BLOCK, reason: 'entries follow its end' });
  },
});

const headerState = (context: Context): State => ({
  kind: 'gather',
  size: BLOCK,
  inside: 'a header',
  take(block) {
    if (block[0] === 0 && block.equals(ZEROS)) return endState(context);
    const header = decodeHeader(block, context.position - BLOCK);
    if (META[header.type] !== undefined) return metaState(context, header);
    // A volume label describes the archive, not a file.
    if (header.type === 'V') return headerState(context);
    return entryState(context, header, block);
  },
});

/** Docker's command line ends a context without filling the last block when it adds a Dockerfile from outside. */
const lacksOnlyPadding = ({ entry, left, padding }: Extract<State, { kind: 'content' }>): boolean =>
  left === 0 && padding === padded(entry.storedSize) - entry.storedSize;

/** A parser that can be told that bytes were left out, for archives that can be read at any place. */
export interface SkippingTarParser extends TarParser {
  /** Bytes of content that the parser would drop now. */
  readonly droppable: number;
  /** Counts `bytes` as taken; at most `droppable`. */
  skip(bytes: number): void;
}

class Parser implements SkippingTarParser {
  readonly #context: Context;
  #state: State;
  #gathered: Buffer[] = [];
  #gatheredSize = 0;

  constructor(visitor: TarVisitor) {
    const pending = { global: new Map(), local: undefined, longName: undefined, longLink: undefined };
    this.#context = { visitor, pending, position: 0 };
    this.#state = headerState(this.#context);
  }

  get position(): number {
    return this.#context.position;
  }

  get droppable(): number {
    return this.#state.kind === 'content' ? this.#state.left + this.#state.padding : 0;
  }

  feed(chunk: Uint8Array): void {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    for (let at = 0; at < bytes.length;) {
      const state = this.#state;
      if (state.kind === 'finished') {
        this.#context.position += bytes.length - at;
        return;
      }
      at += state.kind === 'gather' ? this.#gather(state, bytes, at) : this.#pass(bytes.subarray(at));
    }
  }

  skip(count: number): void {
    const state = this.#state;
    if (state.kind !== 'content') return;
    const content = Math.min(count, state.left);
    state.left -= content;
    state.padding -= count - content;
    this.#context.position += count;
    if (state.left + state.padding === 0) this.#state = headerState(this.#context);
  }

  end(): void {
    const state = this.#state;
    if (state.kind === 'finished') return;
    // Some writers leave out the two blocks of zeros, or one of them.
    const atHeader = state.kind === 'gather' && (state.inside === 'a header' || state.inside === 'its end');
    const { longName, longLink, local } = this.#context.pending;
    const complete = longName === undefined && longLink === undefined && local === undefined;
    if (atHeader && complete && this.#gatheredSize === 0) return;
    if (state.kind === 'content' && lacksOnlyPadding(state)) return;
    const inside = state.kind === 'gather' ? state.inside : `the content of ${state.entry.path}`;
    throw tarErrors.truncated({ offset: this.position, inside });
  }

  #gather(state: Extract<State, { kind: 'gather' }>, bytes: Buffer, at: number): number {
    const taken = Math.min(state.size - this.#gatheredSize, bytes.length - at);
    const piece = bytes.subarray(at, at + taken);
    this.#context.position += taken;
    if (this.#gatheredSize + taken < state.size) {
      // The caller may reuse its chunk.
      this.#gathered.push(Buffer.from(piece));
      this.#gatheredSize += taken;
      return taken;
    }
    const whole = this.#gatheredSize === 0 ? piece : Buffer.concat([...this.#gathered, piece]);
    this.#gathered = [];
    this.#gatheredSize = 0;
    this.#state = state.take(whole);
    // A run of size 0 is complete at once.
    while (this.#state.kind === 'gather' && this.#state.size === 0)
      this.#state = this.#state.take(Buffer.alloc(0));
    return taken;
  }

  #pass(bytes: Buffer): number {
    const state = this.#state;
    if (state.kind !== 'content') return 0;
    const content = Math.min(state.left, bytes.length);
    if (content > 0) this.#context.visitor.onData?.(bytes.subarray(0, content), state.entry);
    const taken = Math.min(state.left + state.padding, bytes.length);
    this.skip(taken);
    return taken;
  }
}

/** A push parser for tar archives: ustar, GNU and pax with their sparse forms. */
export const createTarParser = (visitor: TarVisitor): SkippingTarParser => new Parser(visitor);
