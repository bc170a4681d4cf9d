import type { BigIntStats } from 'node:fs';

/** Digests of files by inode, in memory that threads share. */
export interface InodeDigests {
  /** Inode numbers by slot; 0 where there is none. A power of two. */
  readonly inodes: Float64Array<SharedArrayBuffer>;
  /** 32 bytes for each slot; only zeros where the digest is not known. */
  readonly digests: Uint8Array<SharedArrayBuffer>;
}

const DIGEST_BYTES = 32;
const FIRST_SLOTS = 1 << 12;
/** Digests kept; of further files they are computed when they are needed. */
const MAX_KEPT = 3 << 19;
const NONE = Buffer.alloc(DIGEST_BYTES);

const emptyTable = (slots: number): InodeDigests => ({
  inodes: new Float64Array(new SharedArrayBuffer(slots * Float64Array.BYTES_PER_ELEMENT)),
  digests: new Uint8Array(new SharedArrayBuffer(slots * DIGEST_BYTES)),
});

/** The slot of an inode, or the free one where it belongs. */
const slotOf = ({ inodes }: InodeDigests, inode: number): number => {
  const mask = inodes.length - 1;
  let slot = (Math.imul(inode % 0x1_0000_0000, 0x9e37_79b1) >>> 8) & mask;
  for (let at = inodes[slot]; at !== 0 && at !== inode; at = inodes[slot]) slot = (slot + 1) & mask;
  return slot;
};

const digestIn = ({ digests }: InodeDigests, slot: number): Uint8Array =>
  digests.subarray(slot * DIGEST_BYTES, (slot + 1) * DIGEST_BYTES);

const enlarged = (table: InodeDigests): InodeDigests => {
  const larger = emptyTable(table.inodes.length * 2);
  for (const [slot, inode] of table.inodes.entries()) {
    if (inode === 0) continue;
    const target = slotOf(larger, inode);
    larger.inodes[target] = inode;
    larger.digests.set(digestIn(table, slot), target * DIGEST_BYTES);
  }
  return larger;
};

export interface InodeDigestsWriter {
  /**
   * Must be told of every file that is written, also where its digest is not known: an inode may be that of a file
   * removed before.
   */
  put(inode: number, digest: Uint8Array | undefined): void;
  readonly table: InodeDigests;
}

export const createInodeDigests = (): InodeDigestsWriter => {
  let table = emptyTable(FIRST_SLOTS);
  let used = 0;
  return {
    put(inode, digest) {
      if (!Number.isSafeInteger(inode)) return;
      let slot = slotOf(table, inode);
      if (table.inodes[slot] === 0) {
        if (digest === undefined || used >= MAX_KEPT) return;
        used += 1;
        if (used * 4 > table.inodes.length * 3) {
          table = enlarged(table);
          slot = slotOf(table, inode);
        }
        table.inodes[slot] = inode;
      }
      table.digests.set(digest ?? NONE, slot * DIGEST_BYTES);
    },
    get table() {
      return table;
    },
  };
};

/** Hex digest of the file with these stats; undefined where it is not known. */
export const inodeDigest = (table: InodeDigests, { ino }: BigIntStats): string | undefined => {
  if (ino > BigInt(Number.MAX_SAFE_INTEGER)) return undefined;
  const slot = slotOf(table, Number(ino));
  const digest = Buffer.from(digestIn(table, slot));
  return table.inodes[slot] === 0 || digest.equals(NONE) ? undefined : digest.toString('hex');
};
