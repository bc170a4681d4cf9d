import { closeSync, ftruncateSync, openSync, writeSync } from 'node:fs';
import {
  BLOCK_SIZE,
  CHUNK_INDEX_SIZE,
  chunkFormat,
  encodeDevice,
  encodeSuperblock,
  ENTRY_TYPE,
  LAYOUT,
  MODE,
  putChunk,
  putInode,
  SLOT_SIZE,
  type Layout,
} from './erofs-format.ts';
import { putDirectory } from './erofs-directory.ts';
import { contentSize, planImage, tailPosition, type Plan, type Planned } from './erofs-plan.ts';
import { copyFileData } from './file-data.ts';
import type { DirectoryNode, FileNode, LayerNode } from './tree-types.ts';

const LAYOUTS: Readonly<Record<Planned['content']['kind'], Layout>> = {
  none: LAYOUT.plain,
  directory: LAYOUT.plain,
  bytes: LAYOUT.plain,
  embedded: LAYOUT.plain,
  inline: LAYOUT.inline,
  chunks: LAYOUT.chunks,
};

/** A whiteout is a character device 0/0. */
const kindOf = (node: LayerNode): keyof typeof MODE => (node.kind === 'whiteout' ? 'char' : node.kind);

const detailOf = ({ node, content, firstBlock }: Planned): number => {
  if (content.kind === 'chunks') return chunkFormat(content.bits);
  if (node.kind === 'char' || node.kind === 'block') return encodeDevice(node.major, node.minor);
  return firstBlock;
};

const putPlannedInode = (image: Buffer, planned: Planned, number: number): void => {
  const { node } = planned;
  const attributes = node.kind === 'whiteout' ? { mode: 0, uid: 0, gid: 0, mtimeNs: 0n } : node.attributes;
  putInode(image, planned.position, {
    layout: LAYOUTS[planned.content.kind],
    mode: MODE[kindOf(node)] | attributes.mode,
    uid: attributes.uid,
    gid: attributes.gid,
    mtimeNs: attributes.mtimeNs,
    size: contentSize(planned),
    links: planned.links,
    number,
    xattrSize: planned.xattrs.length,
    detail: detailOf(planned),
  });
  planned.xattrs.copy(image, planned.position + 64);
};

/** One index for each chunk: the block of the tar where it starts, or a hole. */
const putChunks = (image: Buffer, planned: Planned): void => {
  const { content } = planned;
  if (content.kind !== 'chunks' || content.file.data.kind !== 'tar') return;
  const chunkSize = BLOCK_SIZE * 2 ** content.bits;
  const start = tailPosition(planned);
  for (let i = 0; i < content.count; i++) putChunk(image, start + i * CHUNK_INDEX_SIZE, undefined);
  for (const { offset, size, position } of content.file.data.extents)
    for (let done = 0; done < size; done += chunkSize)
      putChunk(
        image,
        start + ((offset + done) / chunkSize) * CHUNK_INDEX_SIZE,
        (position + done) / BLOCK_SIZE,
      );
};

const describe = (planned: Planned): { nid: number; type: number } => ({
  nid: planned.position / SLOT_SIZE,
  type: ENTRY_TYPE[kindOf(planned.node)],
});

const putContent = (image: Buffer, planned: Planned): void => {
  const { content } = planned;
  const at = planned.firstBlock * BLOCK_SIZE;
  if (content.kind === 'directory') putDirectory(image, content.layout, { at, describe });
  else if (content.kind === 'bytes') content.bytes.copy(image, at);
  else if (content.kind === 'inline') content.bytes.copy(image, tailPosition(planned));
  else putChunks(image, planned);
};

/** All but what is embedded. */
const encodeMetadata = (plan: Plan, tarSize: number): Buffer => {
  const small = plan.inodes.filter(({ content }) => content.kind !== 'embedded');
  const ends = small.map((planned) => planned.firstBlock + Math.ceil(contentSize(planned) / BLOCK_SIZE));
  const inImage = small.map((planned, i) => (planned.firstBlock === 0 ? 0 : (ends[i] ?? 0)));
  const blocks = inImage.reduce((most, end) => Math.max(most, end), plan.contentStart / BLOCK_SIZE);
  const image = Buffer.alloc(blocks * BLOCK_SIZE);
  const [root] = plan.inodes;
  encodeSuperblock({
    rootNid: (root?.position ?? 0) / SLOT_SIZE,
    inodes: plan.inodes.length,
    blocks: plan.blocks,
    tarBlocks: Math.ceil(tarSize / BLOCK_SIZE),
  }).copy(image);
  for (const [index, planned] of plan.inodes.entries()) {
    putPlannedInode(image, planned, index + 1);
    putContent(image, planned);
  }
  return image;
};

export interface ImageSource {
  readonly root: DirectoryNode;
  /** Open descriptor of the layer's tar, which the image refers to as device 1. */
  readonly tarFd: number;
  readonly tarSize: number;
}

const embed = (fd: number, position: number, source: { file: FileNode; tarFd: number }): void =>
  copyFileData(source.file, source.tarFd, {
    write: (bytes, offset) => void writeSync(fd, bytes, 0, bytes.length, position + offset),
  });

/**
 * Writes an EROFS image of `root` to `path`, a new file. It holds names and attributes only; content stays in the tar,
 * except for files that link to layers below and sparse files whose runs are no whole blocks. Blocks the thread for
 * about 10 µs a file.
 */
export const writeErofsImage = (path: string, source: ImageSource): void => {
  const plan = planImage(source.root);
  const fd = openSync(path, 'wx', 0o600);
  try {
    const metadata = encodeMetadata(plan, source.tarSize);
    writeSync(fd, metadata);
    for (const { content, firstBlock } of plan.inodes)
      if (content.kind === 'embedded')
        embed(fd, firstBlock * BLOCK_SIZE, { file: content.file, tarFd: source.tarFd });
    ftruncateSync(fd, plan.blocks * BLOCK_SIZE);
  } finally {
    closeSync(fd);
  }
};
