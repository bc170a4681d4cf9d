import { randomBytes } from 'node:crypto';
import {
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  renameSync,
  rmSync,
  statfsSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';

/** Space kept beside the database, so that removals can be written down when the disk is full. */
export interface Reserve {
  /** Gives the space up; whether there was any. */
  release(): boolean;
  /** Takes it again once there is plenty; does nothing when it is there, or when there is not. */
  restore(): void;
}

const CHUNK = 64 * 1024;

/** So much more than the reserve must be free for it to be taken. */
const PLENTY = 2;

const write = (path: string, bytes: number): void => {
  const fd = openSync(path, 'w', 0o600);
  try {
    // Random, since file systems that compress would keep nothing of zeros.
    for (let done = 0; done < bytes; done += CHUNK) writeSync(fd, randomBytes(Math.min(CHUNK, bytes - done)));
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
};

/** The reserve of the database at `path`: a file of `bytes` beside it. Blocks the thread. */
export const openReserve = (path: string, bytes: number): Reserve => {
  const file = `${path}-reserve`;
  return {
    release() {
      if (!existsSync(file)) return false;
      rmSync(file, { force: true });
      return true;
    },
    restore() {
      if (existsSync(file)) return;
      try {
        const { bavail, bsize } = statfsSync(dirname(path));
        if (bavail * bsize < bytes * PLENTY) return;
        write(`${file}.new`, bytes);
        renameSync(`${file}.new`, file);
      } catch {
        rmSync(`${file}.new`, { force: true });
      }
    },
  };
};
