import { closeSync, openSync } from 'node:fs';
import { mountFileSystem } from '#sys';

const MAX_VALUE = 255;

/** Mounts an index over its tar, read-only, straight from the two files. Takes about 0.2 ms. */
export const mountErofs = (index: string, tar: string, target: string): void => {
  const long = Buffer.byteLength(index) > MAX_VALUE || Buffer.byteLength(tar) > MAX_VALUE;
  const fds = long ? [openSync(index, 'r'), openSync(tar, 'r')] : [];
  const [source = index, device = tar] = fds.map((fd) => `/proc/self/fd/${fd}`);
  try {
    mountFileSystem({ type: 'erofs', target, parameters: [['device', device]], readonly: true, source });
  } finally {
    for (const fd of fds) closeSync(fd);
  }
};
