import { chmodSync, chownSync, lstatSync } from 'node:fs';
import { lgetXattr, lsetXattr, lutimesNs } from '#sys';
import { attributesOf } from './below.ts';

/** The highest layer that names the root; its attributes are those of the merged root. */
export const rootReference = (lowers: readonly string[]): string | undefined =>
  lowers.findLast((path) => lgetXattr(path, 'trusted.lade.implied') === undefined) ?? lowers[0];

/** Gives a new directory the attributes of the merged root: overlay shows those of its topmost directory. */
export const copyRootAttributes = (directory: string, lowers: readonly string[]): void => {
  const source = rootReference(lowers);
  if (source === undefined) return;
  const attributes = attributesOf(source, lstatSync(source, { bigint: true }));
  chownSync(directory, attributes.uid, attributes.gid);
  chmodSync(directory, attributes.mode);
  for (const [name, value] of attributes.xattrs) lsetXattr(directory, name, value);
  lutimesNs(directory, attributes.mtimeNs, attributes.mtimeNs);
};
