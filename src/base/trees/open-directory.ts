import { closeSync, constants } from 'node:fs';
import { openInRoot } from '#sys';

/** A directory by its descriptor. */
export interface OpenDirectory extends Disposable {
  readonly fd: number;
  /** Path by which node:fs reaches entries of it. */
  entry(name: string): string;
}

/** Opens a directory below a root. Throws what `openInRoot` throws. */
export const openDirectory = (root: number, path: string): OpenDirectory => {
  const fd = openInRoot(root, path, { flags: constants.O_RDONLY | constants.O_DIRECTORY });
  return {
    fd,
    entry: (name) => `/proc/self/fd/${fd}/${name}`,
    [Symbol.dispose]: () => closeSync(fd),
  };
};
