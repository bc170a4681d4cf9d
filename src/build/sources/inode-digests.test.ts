import { hash } from 'node:crypto';
import type { BigIntStats } from 'node:fs';
import { expect, test } from 'vitest';
import { createInodeDigests, inodeDigest } from './inode-digests.ts';

const stats = (inode: number): BigIntStats => ({ ino: BigInt(inode) }) as BigIntStats;
const digest = (text: string): Buffer => hash('sha256', text, 'buffer');

test('keeps the last digest of each inode while it grows; forgets what is not known', () => {
  const writer = createInodeDigests();
  const inodes = Array.from({ length: 20_000 }, (_, index) => 1 + index * 4096 + (index % 7) * 2 ** 40);
  for (const inode of inodes) writer.put(inode, digest(`old ${inode}`));
  for (const inode of inodes) writer.put(inode, inode % 3 === 0 ? undefined : digest(`${inode}`));
  for (const inode of inodes) {
    const expected = inode % 3 === 0 ? undefined : digest(`${inode}`).toString('hex');
    expect(inodeDigest(writer.table, stats(inode))).toBe(expected);
  }
  expect(inodeDigest(writer.table, stats(2))).toBeUndefined();
  writer.put(2 ** 60, digest('x'));
  expect(inodeDigest(writer.table, stats(2 ** 60))).toBeUndefined();
});
