import { compareNames, encodeName } from '#tar';
import { BLOCK_SIZE, DIRENT_SIZE } from './erofs-format.ts';

/** A name in a directory and what it names. */
export interface DirectoryEntry<T> {
  readonly name: string;
  /** Bytes of the name. */
  readonly length: number;
  readonly node: T;
}

/** The content of one directory: entries sorted by bytes, shared out over blocks. */
export interface DirectoryLayout<T> {
  readonly blocks: readonly (readonly DirectoryEntry<T>[])[];
  readonly size: number;
}

const entryOf = <T>(name: string, node: T): DirectoryEntry<T> => ({
  name,
  length: name.isWellFormed() ? Buffer.byteLength(name) : encodeName(name).length,
  node,
});

const entrySize = (entry: { readonly length: number }): number => DIRENT_SIZE + entry.length;

const blockSize = (entries: readonly { readonly length: number }[]): number =>
  entries.reduce((sum, entry) => sum + entrySize(entry), 0);

/** Lays out a directory with its own two entries. The kernel searches by halves, so order is by bytes throughout. */
export const layOutDirectory = <T>(
  own: T,
  parent: T,
  children: ReadonlyMap<string, T>,
): DirectoryLayout<T> => {
  const entries: DirectoryEntry<T>[] = [entryOf('.', own), entryOf('..', parent)];
  for (const [name, node] of children) entries.push(entryOf(name, node));
  entries.sort((a, b) => compareNames(a.name, b.name));
  const blocks: DirectoryEntry<T>[][] = [];
  let left = 0;
  for (const entry of entries) {
    const size = entrySize(entry);
    if (size > left) {
      blocks.push([]);
      left = BLOCK_SIZE;
    }
    blocks.at(-1)?.push(entry);
    left -= size;
  }
  return { blocks, size: (blocks.length - 1) * BLOCK_SIZE + blockSize(blocks.at(-1) ?? []) };
};

/** Writes the blocks of a directory from `at` on; the image is zeros there. */
export const putDirectory = <T>(
  image: Buffer,
  layout: DirectoryLayout<T>,
  target: {
    readonly at: number;
    readonly describe: (node: T) => { readonly nid: number; readonly type: number };
  },
): void => {
  for (const [index, entries] of layout.blocks.entries()) {
    const start = target.at + index * BLOCK_SIZE;
    let nameOffset = entries.length * DIRENT_SIZE;
    for (const [position, entry] of entries.entries()) {
      const { nid, type } = target.describe(entry.node);
      const at = start + position * DIRENT_SIZE;
      image.writeBigUInt64LE(BigInt(nid), at);
      image.writeUInt16LE(nameOffset, at + 8);
      image.writeUInt8(type, at + 10);
      encodeName(entry.name).copy(image, start + nameOffset);
      nameOffset += entry.length;
    }
  }
};
