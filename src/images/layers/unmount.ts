import { spawn } from 'node:child_process';
import { errnoOf, umount } from '#sys';

/** Runs umount(8); undefined where that cannot be run, else whether it succeeded. */
const runUmount = (path: string): Promise<boolean | undefined> =>
  new Promise((resolve) => {
    const child = spawn('umount', ['-l', '-i', '-c', path], { stdio: 'ignore' });
    child.once('error', () => resolve(undefined));
    child.once('exit', (code) => resolve(code === 0));
  });

/**
 * Detaches what is mounted at `path`. The kernel writes back a whole file system when an overlay ends, which may take
 * seconds, so another process does it; starting that is quicker than starting a thread.
 */
export const unmount = async (path: string): Promise<void> => {
  if ((await runUmount(path)) === true) return;
  try {
    umount(path, { detach: true });
  } catch (error) {
    // Nothing is mounted there, or nothing is there.
    if (!['EINVAL', 'ENOENT'].includes(errnoOf(error) ?? '')) throw error;
  }
};
