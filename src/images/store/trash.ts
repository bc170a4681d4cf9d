import { randomUUID } from 'node:crypto';
import { lstat, mkdir, readdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { removeTree } from '#sys';
import { allocatedBytes } from './allocated-bytes.ts';

/** Where removed content waits until it is unlinked, so that nobody waits for the disk. */
export interface Trash {
  readonly directory: string;
  /** A name in it that nothing has. */
  place(): string;
  /** Moves a file or directory away at once, and deletes it behind the scenes; undefined when it was not there. */
  put(path: string): Promise<Removed | undefined>;
  /** Deletes behind the scenes what already lies at a `place`. */
  drop(path: string): Removed;
  /** Bytes given back so far. */
  freedBytes(): number;
  /** Resolves when everything that was put here is gone. */
  settled(): Promise<void>;
}

export interface Removed {
  /** Bytes that the file system got back, once it has. */
  readonly freed: Promise<number>;
}

const erase = async (path: string): Promise<number> => {
  const bytes = await allocatedBytes(path);
  await removeTree(path);
  return bytes;
};

/** Opens the trash of a root and empties it of what an earlier process left. One file is deleted at a time. */
export const openTrash = async (directory: string): Promise<Trash> => {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  let tail: Promise<unknown> = Promise.resolve();
  let total = 0;
  const count = (bytes: number): number => {
    total += bytes;
    return bytes;
  };
  const drop = (path: string): Removed => {
    const freed = tail.then(async () => count(await erase(path))).catch(() => 0);
    tail = freed;
    return { freed };
  };
  const place = (): string => join(directory, randomUUID());
  for (const name of await readdir(directory)) drop(join(directory, name));
  return {
    directory,
    place,
    drop,
    async put(path) {
      const target = place();
      try {
        await rename(path, target);
      } catch {
        // A full disk may have no room for the new name.
        if ((await lstat(path).catch(() => undefined)) === undefined) return undefined;
        const bytes = count(await erase(path));
        return { freed: Promise.resolve(bytes) };
      }
      return drop(target);
    },
    freedBytes: () => total,
    async settled() {
      await tail;
    },
  };
};
