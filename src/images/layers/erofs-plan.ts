import { encodeName } from '#tar';
import { layOutDirectory, type DirectoryLayout } from './erofs-directory.ts';
import {
  BLOCK_SIZE,
  CHUNK_INDEX_SIZE,
  FIRST_INODE,
  INODE_SIZE,
  MAX_CHUNK_BITS,
  SLOT_SIZE,
} from './erofs-format.ts';
import { encodeXattrs } from './erofs-xattrs.ts';
import { layerErrors } from './errors.ts';
import type { DirectoryNode, FileNode, LayerNode, SymlinkNode } from './tree-types.ts';

/** Chunk indexes of one file: 32 MiB of them. A file of more holes is copied into the image, which has the holes too. */
const MAX_CHUNKS = 4 * 1024 * 1024;

/** Blocks are counted in 32 bits. */
const MAX_BLOCKS = 0xffff_ffff;

const OPAQUE = new Map([['trusted.overlay.opaque', Buffer.from('y')]]);
const IMPLIED = new Map([['trusted.lade.implied', Buffer.from('y')]]);

/** Where an inode's content is. */
export type Content =
  | { readonly kind: 'none' }
  | { readonly kind: 'directory'; readonly layout: DirectoryLayout<Planned> }
  | { readonly kind: 'inline'; readonly bytes: Buffer }
  | { readonly kind: 'bytes'; readonly bytes: Buffer }
  | { readonly kind: 'chunks'; readonly bits: number; readonly count: number; readonly file: FileNode }
  /** Copied into the image itself. */
  | { readonly kind: 'embedded'; readonly file: FileNode };

export interface Planned {
  readonly node: LayerNode;
  readonly xattrs: Buffer;
  content: Content;
  links: number;
  /** Byte of the image. */
  position: number;
  /** First block of content in the image; 0 where it has none there. */
  firstBlock: number;
}

export interface Plan {
  /** In the order of their positions; the root is the first. */
  readonly inodes: readonly Planned[];
  /** End of the inodes, a whole block. */
  readonly contentStart: number;
  /** Blocks of the image. */
  readonly blocks: number;
}

const roundUp = (value: number, unit: number): number => Math.ceil(value / unit) * unit;

export const contentSize = ({ content }: Planned): number => {
  if (content.kind === 'none') return 0;
  if (content.kind === 'directory') return content.layout.size;
  return 'bytes' in content ? content.bytes.length : content.file.size;
};

/** The largest power of two of blocks that starts and ends all runs of a file; undefined where one is not whole blocks. */
const chunkBits = (file: FileNode): number | undefined => {
  if (file.data.kind !== 'tar') return undefined;
  const { extents } = file.data;
  const whole = Math.max(1, Math.ceil(file.size / BLOCK_SIZE));
  let bits = Math.min(MAX_CHUNK_BITS, Math.ceil(Math.log2(whole)));
  const fits = (value: number): boolean => value % (BLOCK_SIZE * 2 ** bits) === 0;
  for (const { offset, size, position } of extents) {
    if (position % BLOCK_SIZE !== 0) return undefined;
    const end = offset + size;
    while (bits >= 0 && !(fits(offset) && (end === file.size || fits(end)))) bits--;
    if (bits < 0) return undefined;
  }
  return bits;
};

const NONE: Content = { kind: 'none' };

const fileContent = (file: FileNode): Content => {
  if (file.size === 0) return NONE;
  const bits = chunkBits(file);
  if (bits === undefined) return { kind: 'embedded', file };
  const count = Math.ceil(file.size / (BLOCK_SIZE * 2 ** bits));
  if (count > MAX_CHUNKS) return { kind: 'embedded', file };
  return { kind: 'chunks', bits, count, file };
};

const symlinkContent = (node: SymlinkNode, xattrs: Buffer): Content => {
  const bytes = encodeName(node.target);
  return INODE_SIZE + xattrs.length + bytes.length <= BLOCK_SIZE
    ? { kind: 'inline', bytes }
    : { kind: 'bytes', bytes };
};

const leafContent = (node: LayerNode, xattrs: Buffer): Content => {
  if (node.kind === 'file') return fileContent(node);
  return node.kind === 'symlink' ? symlinkContent(node, xattrs) : NONE;
};

const directoryXattrs = (node: DirectoryNode, isRoot: boolean): ReadonlyMap<string, Buffer> => {
  const own = new Map([...node.attributes.xattrs, ...(node.opaque ? OPAQUE : [])]);
  return isRoot && node.implied ? new Map([...own, ...IMPLIED]) : own;
};

const xattrsOf = (node: LayerNode, isRoot: boolean): ReadonlyMap<string, Buffer> => {
  if (node.kind === 'whiteout') return new Map();
  return node.kind === 'directory' ? directoryXattrs(node, isRoot) : node.attributes.xattrs;
};

const newPlanned = (node: LayerNode, isRoot: boolean): Planned => {
  const xattrs = encodeXattrs(xattrsOf(node, isRoot));
  const content = leafContent(node, xattrs);
  return { node, xattrs, content, links: 0, position: 0, firstBlock: 0 };
};

/** Numbers the inodes, parents before children; several names of one node give one inode. */
const collect = (root: DirectoryNode): Planned[] => {
  const found = new Map<LayerNode, Planned>();
  const planOf = (node: LayerNode): Planned => {
    const known = found.get(node);
    if (known !== undefined) return known;
    const made = newPlanned(node, node === root);
    found.set(node, made);
    return made;
  };
  const enter = (node: DirectoryNode, parent: Planned): void => {
    const own = planOf(node);
    own.links += 2;
    const children = new Map<string, Planned>();
    for (const [name, child] of node.children) {
      const planned = planOf(child);
      children.set(name, planned);
      if (child.kind === 'directory') own.links++;
      else planned.links++;
    }
    own.content = { kind: 'directory', layout: layOutDirectory(own, parent, children) };
    for (const child of node.children.values()) if (child.kind === 'directory') enter(child, own);
  };
  enter(root, planOf(root));
  return [...found.values()];
};

/** Start of the chunk indexes or the inline content behind an inode. */
export const tailPosition = (planned: Planned): number => {
  const end = planned.position + INODE_SIZE + planned.xattrs.length;
  return planned.content.kind === 'chunks' ? roundUp(end, CHUNK_INDEX_SIZE) : end;
};

const tailSize = ({ content }: Planned): number => {
  if (content.kind === 'chunks') return content.count * CHUNK_INDEX_SIZE;
  return content.kind === 'inline' ? content.bytes.length : 0;
};

const crossesBlock = (start: number, size: number): boolean =>
  size > 0 && Math.floor(start / BLOCK_SIZE) !== Math.floor((start + size - 1) / BLOCK_SIZE);

/** Places an inode at or behind `at`; an inode and inline content must each lie in one block. */
const place = (planned: Planned, at: number): number => {
  planned.position = roundUp(at, SLOT_SIZE);
  const splits =
    crossesBlock(planned.position, INODE_SIZE) ||
    (planned.content.kind === 'inline' && crossesBlock(tailPosition(planned), tailSize(planned)));
  if (splits) planned.position = roundUp(planned.position, BLOCK_SIZE);
  return tailPosition(planned) + tailSize(planned);
};

const needsBlocks = ({ content }: Planned): boolean =>
  content.kind === 'directory' || content.kind === 'bytes' || content.kind === 'embedded';

/** Decides where everything of the image goes: inodes first, then directories and what is embedded. */
export const planImage = (root: DirectoryNode): Plan => {
  const inodes = collect(root);
  let end = FIRST_INODE;
  for (const planned of inodes) end = place(planned, end);
  const contentStart = roundUp(end, BLOCK_SIZE);
  let block = contentStart / BLOCK_SIZE;
  const small = inodes.filter((planned) => needsBlocks(planned) && planned.content.kind !== 'embedded');
  const embedded = inodes.filter((planned) => planned.content.kind === 'embedded');
  for (const planned of [...small, ...embedded]) {
    planned.firstBlock = block;
    block += Math.ceil(contentSize(planned) / BLOCK_SIZE);
  }
  if (block > MAX_BLOCKS)
    throw layerErrors.badContent({
      reason: 'its sparse files and links to files below are larger than 2 TiB',
    });
  return { inodes, contentStart, blocks: block };
};
