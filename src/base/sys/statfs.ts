import { statfsSync } from 'node:fs';
import type { FileSystemStatus } from './types.ts';

/** Magic numbers of linux/magic.h. */
const NAMES: Readonly<Record<number, string>> = {
  0xef53: 'ext4',
  0x01021994: 'tmpfs',
  0x794c7630: 'overlay',
  0x58465342: 'xfs',
  0x9123683e: 'btrfs',
  0xe0f5e1e2: 'erofs',
  0x6969: 'nfs',
  0x2fc12fc1: 'zfs',
  0x27e0eb: 'cgroup',
  0x63677270: 'cgroup2',
  0x9fa0: 'proc',
  0x6e736673: 'nsfs',
  0x65735546: 'fuse',
};

/** State of the file system that holds `path`; space is in blocks of `blockSize` bytes. */
export const statfs = (path: string): FileSystemStatus => {
  const status = statfsSync(path, { bigint: true });
  const type = Number(status.type);
  return {
    type,
    typeName: NAMES[type],
    blockSize: Number(status.bsize),
    blocks: status.blocks,
    freeBlocks: status.bfree,
    availableBlocks: status.bavail,
    files: status.files,
    freeFiles: status.ffree,
  };
};
