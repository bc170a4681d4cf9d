import { spawn } from 'node:child_process';
import { closeSync, constants } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { errnoOf, openInRoot } from '#sys';
import { engineErrors } from './errors.ts';

const openDirectory = (rootfs: string, path: string): number | undefined => {
  try {
    return openInRoot(rootfs, path, { flags: constants.O_RDONLY | constants.O_DIRECTORY });
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'ELOOP'].includes(errnoOf(error) ?? '')) return undefined;
    throw error;
  }
};

/** `cp -a` knows owners, modes, times, attributes, holes, links and devices. */
const copyAll = (source: number, target: string, path: string): Promise<void> =>
  new Promise((resolve, reject) => {
    const child = spawn('cp', ['-a', '--', '/proc/self/fd/3/.', target], {
      stdio: ['ignore', 'ignore', 'pipe', source],
    });
    let text = '';
    child.stderr?.on('data', (chunk: Buffer) => {
      text += chunk.toString('utf8');
    });
    child.once('error', (error) => reject(engineErrors.copyUpFailed({ path, text: error.message }, error)));
    child.once('close', (code) =>
      code === 0 ? resolve() : reject(engineErrors.copyUpFailed({ path, text })),
    );
  });

/**
 * Fills an empty volume with what the image has at the place where the volume is mounted, and gives it that
 * directory's owner and mode. A volume with content is left alone.
 */
export const copyUp = async (rootfs: string, path: string, volume: string): Promise<void> => {
  if ((await readdir(volume)).length > 0) return;
  const source = openDirectory(rootfs, path);
  if (source === undefined) return;
  try {
    await copyAll(source, volume, path);
  } finally {
    closeSync(source);
  }
};
