import { randomUUID } from 'node:crypto';
import { closeSync, constants } from 'node:fs';
import { readdir, rename, rmdir, unlink } from 'node:fs/promises';
import { errnoOf, openInRoot } from '#sys';
import { decodeName, fsPath } from '#tar';
import type { OpenDirectory } from './open-directory.ts';

/** Directories that are open at once; what nests deeper is moved up first. */
const MAX_DEPTH = 64;

/** Opens a directory among the entries of an open one, never through a link. Throws what `openInRoot` throws. */
export const openEntry = (parent: OpenDirectory, name: string): OpenDirectory => {
  const flags = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
  const fd = openInRoot(parent.fd, fsPath(name), { flags, noSymlinks: true });
  return {
    fd,
    entry: (inner) => `/proc/self/fd/${fd}/${inner}`,
    [Symbol.dispose]: () => closeSync(fd),
  };
};

/** Names in an open directory, as tar names. */
export const namesIn = async ({ fd }: OpenDirectory): Promise<readonly string[]> =>
  (await readdir(`/proc/self/fd/${fd}`, { encoding: 'buffer' })).map(decodeName);

/** Whether it was no directory, and is gone. */
const removeFile = async (parent: OpenDirectory, name: string): Promise<boolean> => {
  try {
    await unlink(fsPath(parent.entry(name)));
    return true;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return true;
    if (errnoOf(error) === 'EISDIR') return false;
    throw error;
  }
};

interface Place {
  readonly top: OpenDirectory;
  readonly depth: number;
}

const removeAt = async (parent: OpenDirectory, name: string, { top, depth }: Place): Promise<void> => {
  if (await removeFile(parent, name)) return;
  if (depth === MAX_DEPTH) {
    const moved = `.lade-${randomUUID()}`;
    await rename(fsPath(parent.entry(name)), top.entry(moved));
    return removeAt(top, moved, { top, depth: 0 });
  }
  using directory = openEntry(parent, name);
  for (const inner of await namesIn(directory)) await removeAt(directory, inner, { top, depth: depth + 1 });
  await rmdir(fsPath(parent.entry(name)));
};

/**
 * Removes an entry of an open directory with all below it; nothing where it is absent. Every directory is reached by its
 * descriptor and no link is followed, so that nothing else goes whoever swaps entries meanwhile: what is swapped at the
 * wrong moment fails the call.
 */
export const removeEntry = (parent: OpenDirectory, name: string): Promise<void> =>
  removeAt(parent, name, { top: parent, depth: 0 });
