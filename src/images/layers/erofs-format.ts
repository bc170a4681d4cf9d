/**
 * Constants and fixed-size structures of EROFS (Documentation/filesystems/erofs.rst and erofs_fs.h of the kernel), as
 * far as a read-only index over a tar needs them. All numbers are little-endian.
 */

/** Blocks are as small as a tar's, so that each file in it starts at one. */
export const BLOCK_BITS = 9;
export const BLOCK_SIZE = 512;
/** Node numbers count these units from the start of the image. */
export const SLOT_SIZE = 32;
export const INODE_SIZE = 64;
export const CHUNK_INDEX_SIZE = 8;
export const DIRENT_SIZE = 12;
/** Most bits of blocks in one chunk. */
export const MAX_CHUNK_BITS = 31;

/** The first inode follows the superblock at 1024 and the device table at 1152. */
export const FIRST_INODE = 1536;

export const LAYOUT = { plain: 0, inline: 2, chunks: 4 } as const;
export type Layout = (typeof LAYOUT)[keyof typeof LAYOUT];

export const MODE = {
  fifo: 0o010000,
  char: 0o020000,
  directory: 0o040000,
  block: 0o060000,
  file: 0o100000,
  symlink: 0o120000,
} as const;

/** Types in directory entries. */
export const ENTRY_TYPE = {
  file: 1,
  directory: 2,
  char: 3,
  block: 4,
  fifo: 5,
  symlink: 7,
} as const;

const MAGIC = 0xe0f5e1e2;
const SUPERBLOCK = 1024;
const DEVICE_SLOT = 1152;
const FEATURE_CHUNKED_FILE = 0x4;
const FEATURE_DEVICE_TABLE = 0x8;
const CHUNK_FORMAT_INDEXES = 0x20;
/** A chunk that reads as zeros. */
const HOLE = 0xffff_ffff;

export interface ImageFacts {
  readonly rootNid: number;
  readonly inodes: number;
  /** Blocks of the image itself. */
  readonly blocks: number;
  /** Blocks of the tar, which is device 1. */
  readonly tarBlocks: number;
}

/** Everything before the first inode. */
export const encodeSuperblock = (facts: ImageFacts): Buffer => {
  const head = Buffer.alloc(FIRST_INODE);
  head.writeUInt32LE(MAGIC, SUPERBLOCK);
  head.writeUInt8(BLOCK_BITS, SUPERBLOCK + 12);
  head.writeUInt16LE(facts.rootNid, SUPERBLOCK + 14);
  head.writeBigUInt64LE(BigInt(facts.inodes), SUPERBLOCK + 16);
  head.writeUInt32LE(facts.blocks, SUPERBLOCK + 36);
  head.write('lade', SUPERBLOCK + 64, 'latin1');
  head.writeUInt32LE(FEATURE_CHUNKED_FILE | FEATURE_DEVICE_TABLE, SUPERBLOCK + 80);
  head.writeUInt16LE(1, SUPERBLOCK + 86);
  head.writeUInt16LE(DEVICE_SLOT / 128, SUPERBLOCK + 88);
  head.writeUInt32LE(facts.tarBlocks, DEVICE_SLOT + 64);
  return head;
};

export interface InodeFields {
  readonly layout: Layout;
  /** Type and permission bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly mtimeNs: bigint;
  readonly links: number;
  readonly number: number;
  /** Bytes of the extended attributes that follow the inode; 0 or what `encodeXattrs` made. */
  readonly xattrSize: number;
  /** First block, device number or chunk format, by kind. */
  readonly detail: number;
}

/** The count that stands for the size of the attributes: a header of 12 bytes, then units of 4. */
const xattrCount = (size: number): number => (size === 0 ? 0 : (size - 12) / 4 + 1);

const NS = 1_000_000_000n;

/** Writes an extended inode of 64 bytes. */
export const putInode = (image: Buffer, at: number, fields: InodeFields): void => {
  const nanoseconds = ((fields.mtimeNs % NS) + NS) % NS;
  image.writeUInt16LE(1 | (fields.layout << 1), at);
  image.writeUInt16LE(xattrCount(fields.xattrSize), at + 2);
  image.writeUInt16LE(fields.mode, at + 4);
  image.writeBigUInt64LE(BigInt(fields.size), at + 8);
  image.writeUInt32LE(fields.detail, at + 16);
  image.writeUInt32LE(fields.number, at + 20);
  image.writeUInt32LE(fields.uid, at + 24);
  image.writeUInt32LE(fields.gid, at + 28);
  image.writeBigInt64LE((fields.mtimeNs - nanoseconds) / NS, at + 32);
  image.writeUInt32LE(Number(nanoseconds), at + 40);
  image.writeUInt32LE(fields.links, at + 44);
};

/** The `detail` of a file in chunks of `2^bits` blocks. */
export const chunkFormat = (bits: number): number => bits | CHUNK_FORMAT_INDEXES;

/** Writes where a chunk starts in the tar; undefined makes a hole. */
export const putChunk = (image: Buffer, at: number, block: number | undefined): void => {
  image.writeUInt16LE(block === undefined ? 0 : 1, at + 2);
  image.writeUInt32LE(block ?? HOLE, at + 4);
};

/** A device number as the kernel stores it in 32 bits (new_encode_dev). */
export const encodeDevice = (major: number, minor: number): number =>
  ((minor & 0xff) | ((major & 0xfff) << 8) | ((minor & 0xf_ff00) << 12)) >>> 0;
