import { encodeName } from '#tar';
import { layerErrors } from './errors.ts';

/** Names from the root down; none is empty, `.` or `..`. */
export type TreePath = readonly string[];

const PATH_MAX = 4096;

/** A path of an archive as names below the root. One that leads above the root, or is too long, is `badContent`. */
export const cleanPath = (path: string): TreePath => {
  if (encodeName(path).length > PATH_MAX)
    throw layerErrors.badContent({ reason: `a path is longer than ${PATH_MAX} bytes` });
  const names: string[] = [];
  for (const name of path.split('/')) {
    if (name === '' || name === '.') continue;
    if (name !== '..') names.push(name);
    else if (names.pop() === undefined)
      throw layerErrors.badContent({ reason: `${path} leads out of the root` });
  }
  return names;
};
