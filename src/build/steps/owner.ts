import { resolveUser } from '#runtime';
import type { Owner } from './write-entries.ts';

/** Whether `--chown` can be read without an image's account files. */
export const isNumericOwner = (text: string): boolean => /^\d+(?::\d+)?$/u.test(text);

/**
 * The owner that `--chown` or USER names. A user without a group gives its number to the group when it is numeric,
 * and has the group of its account entry otherwise.
 *
 * @throws the runtime's not-found errors for names that the image does not know
 */
export const resolveOwner = (root: string | undefined, text: string): Owner => {
  const [user = '', group] = text.split(':');
  if (isNumericOwner(text)) return { uid: Number(user), gid: Number(group ?? user) };
  const found = resolveUser(root ?? '/nonexistent', text);
  return { uid: found.uid, gid: group === undefined && /^\d+$/u.test(user) ? Number(user) : found.gid };
};
