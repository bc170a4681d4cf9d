import { errnoOf, umountAsync } from '#sys';

let last: Promise<unknown> = Promise.resolve();

const detach = async (path: string): Promise<void> => {
  try {
    await umountAsync(path, { detach: true });
  } catch (error) {
    // Nothing is mounted there, or nothing is there.
    if (!['EINVAL', 'ENOENT'].includes(errnoOf(error) ?? '')) throw error;
  }
};

/**
 * Detaches what is mounted at `path`. The kernel writes back a whole file system when an overlay ends, unless that is
 * volatile, which may take seconds on a thread of the pool: one after another, so that the pool has threads left.
 */
export const unmount = (path: string): Promise<void> => {
  const mine = last.then(() => detach(path));
  last = mine.catch(() => undefined);
  return mine;
};
