import { closeSync, openSync, readSync } from 'node:fs';
import type { FileNode } from './tree-types.ts';

const CHUNK = 1 << 20;

/** Takes pieces of a file at their place; what is never written reads as zeros. */
export interface DataTarget {
  write(bytes: Buffer, offset: number): void;
}

interface Range {
  readonly fd: number;
  /** First byte to read. */
  readonly from: number;
  readonly size: number;
  /** First byte within the file that is made. */
  readonly offset: number;
}

const ZEROS = Buffer.alloc(CHUNK);

const copyRange = (range: Range, write: DataTarget['write']): void => {
  const buffer = Buffer.allocUnsafe(Math.min(CHUNK, range.size));
  for (let done = 0; done < range.size;) {
    const read = readSync(range.fd, buffer, 0, Math.min(buffer.length, range.size - done), range.from + done);
    if (read === 0) return;
    write(buffer.subarray(0, read), range.offset + done);
    done += read;
  }
};

/** Copies the content of a file of a layer from the tar, or from the file below that it links to. Blocks the thread. */
export const copyFileData = (file: FileNode, tarFd: number, target: DataTarget): void => {
  if (file.data.kind === 'tar') {
    for (const { offset, size, position } of file.data.extents)
      copyRange({ fd: tarFd, from: position, size, offset }, (bytes, at) => target.write(bytes, at));
    return;
  }
  const fd = openSync(file.data.hostPath, 'r');
  try {
    copyRange({ fd, from: 0, size: file.size, offset: 0 }, (bytes, at) => {
      // Holes stay holes.
      if (!bytes.equals(ZEROS.subarray(0, bytes.length))) target.write(bytes, at);
    });
  } finally {
    closeSync(fd);
  }
};
