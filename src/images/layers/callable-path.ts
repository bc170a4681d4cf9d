import { randomUUID } from 'node:crypto';
import { closeSync, constants, openSync, renameSync } from 'node:fs';
import { fsPath } from '#tar';

/**
 * Runs `use` with a path of the file at `path` that can be text. A name that is not UTF-8 is renamed for that time
 * within its directory, so this is only for trees that nobody else sees.
 */
export const withCallablePath = (path: string, use: (path: string) => void): void => {
  if (path.isWellFormed()) {
    use(path);
    return;
  }
  const slash = path.lastIndexOf('/');
  const folder = openSync(fsPath(path.slice(0, slash)), constants.O_RDONLY | constants.O_DIRECTORY);
  const callable = `/proc/self/fd/${folder}/.tmp-${randomUUID()}`;
  try {
    renameSync(fsPath(path), callable);
    use(callable);
    renameSync(callable, fsPath(path));
  } finally {
    closeSync(folder);
  }
};
