import { tarErrors } from './errors.ts';
import { BLOCK, numberField } from './header.ts';
import { parsePaxNumber, type PaxRecords } from './pax.ts';
import type { TarExtent } from './types.ts';

const ENTRY = 24;
/** Bytes of a map in the data; about 50,000 extents. */
const MAP_LIMIT = 1 << 20;

/** Appends the extents in a block of GNU's old format; an empty pair ends the list. */
const readPairs = (block: Buffer, [start, count]: readonly [number, number], at: number): TarExtent[] => {
  const extents: TarExtent[] = [];
  for (let i = 0; i < count; i++) {
    const from = start + i * ENTRY;
    if (block[from] === 0 || block[from + 12] === 0) break;
    extents.push({
      offset: numberField(block, [from, 12], at),
      size: numberField(block, [from + 12, 12], at),
    });
  }
  return extents;
};

/** What a header of type `S` says: its first extents, the real size, and whether a block with more follows. */
export const oldSparseHeader = (
  block: Buffer,
  at: number,
): { readonly extents: TarExtent[]; readonly size: number; readonly more: boolean } => ({
  extents: readPairs(block, [386, 4], at),
  size: numberField(block, [483, 12], at),
  more: block[482] !== 0,
});

export const oldSparseBlock = (
  block: Buffer,
  at: number,
): { readonly extents: TarExtent[]; readonly more: boolean } => ({
  extents: readPairs(block, [0, 21], at),
  more: block[504] !== 0,
});

const bad = (at: number): Error =>
  tarErrors.damaged({ offset: at, reason: 'the map of a sparse file is wrong' });

const pairs = (numbers: readonly (number | undefined)[], at: number): TarExtent[] => {
  const extents: TarExtent[] = [];
  for (let i = 0; i < numbers.length; i += 2) {
    const [offset, size] = [numbers[i], numbers[i + 1]];
    if (offset === undefined || size === undefined) throw bad(at);
    extents.push({ offset, size });
  }
  return extents;
};

/** The map in the records of formats 0.0 and 0.1; undefined where there is none. */
export const paxSparseMap = (records: PaxRecords, at: number): TarExtent[] | undefined => {
  const map = records.get('GNU.sparse.map')?.toString('latin1');
  if (map === undefined) return undefined;
  return map === '' ? [] : pairs(map.split(',').map(parsePaxNumber), at);
};

/** Whether the map stands before the content (format 1.0). */
export const hasSparseMapInData = (records: PaxRecords): boolean =>
  records.get('GNU.sparse.major')?.toString('latin1') === '1' &&
  records.get('GNU.sparse.minor')?.toString('latin1') === '0';

const newlines = (block: Buffer): number => {
  let count = 0;
  for (let at = block.indexOf(10); at !== -1; at = block.indexOf(10, at + 1)) count++;
  return count;
};

/** Gathers the map of format 1.0, block by block; `push` returns the extents once all lines are there. */
export const createSparseMapReader = (
  at: number,
): { readonly push: (block: Buffer) => TarExtent[] | undefined } => {
  const blocks: Buffer[] = [];
  let seen = 0;
  let needed = 1;
  const lines = (): string[] => Buffer.concat(blocks).toString('latin1').split('\n');
  const readCount = (): void => {
    const count = parsePaxNumber(lines()[0] ?? '');
    if (count === undefined) throw bad(at);
    needed = 1 + 2 * count;
  };
  return {
    push(block) {
      blocks.push(Buffer.from(block));
      seen += newlines(block);
      if (seen === 0 || blocks.length * BLOCK > MAP_LIMIT) throw bad(at);
      if (blocks.length === 1) readCount();
      return seen < needed ? undefined : pairs(lines().slice(1, needed).map(parsePaxNumber), at);
    },
  };
};

/** Checks that extents ascend within `size` and that the archive stores `stored` bytes for them. */
export const checkSparse = (
  extents: readonly TarExtent[],
  sizes: { readonly size: number; readonly stored: number },
  at: number,
): readonly TarExtent[] => {
  let end = 0;
  let sum = 0;
  for (const { offset, size } of extents) {
    if (offset < end || offset + size > sizes.size) throw bad(at);
    end = offset + size;
    sum += size;
  }
  if (sum !== sizes.stored) throw bad(at);
  return extents.filter((extent) => extent.size > 0);
};
