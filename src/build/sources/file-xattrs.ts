import { createHash } from 'node:crypto';
import { lgetXattr, llistXattr } from '#sys';
import { compareNames } from '#tar';

export type Xattrs = ReadonlyMap<string, Buffer>;

/** Extended attributes of a file that a layer can hold: not those of overlay, of SELinux, or with `=` in the name. */
export const xattrsAt = (path: string): Xattrs => {
  const found = new Map<string, Buffer>();
  if (!path.isWellFormed()) return found;
  for (const name of llistXattr(path)) {
    if (name.startsWith('trusted.') || name === 'security.selinux' || name.includes('=')) continue;
    const value = lgetXattr(path, name);
    if (value !== undefined) found.set(name, value);
  }
  return found;
};

/** Short text that tells extended attributes apart; empty where there are none. */
export const xattrsText = (xattrs: Xattrs | undefined): string => {
  if (xattrs === undefined || xattrs.size === 0) return '';
  const pairs = Array.from(xattrs, ([name, value]) => `${name}=${value.toString('base64')}`);
  return createHash('sha256').update(pairs.toSorted(compareNames).join('\0')).digest('hex');
};
