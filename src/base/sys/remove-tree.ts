import { execFile } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { promisify } from 'node:util';
import { errnoOf } from './errors.ts';

const run = promisify(execFile);

/**
 * Deletes a file or a directory with all in it; nothing where it is absent. A container can nest directories deeper than
 * any path reaches, which Node cannot delete: rm(1) walks step by step.
 */
export const removeTree = async (path: string): Promise<void> => {
  try {
    await rm(path, { recursive: true, force: true });
  } catch (error) {
    if (errnoOf(error) !== 'ENAMETOOLONG') throw error;
    await run('rm', ['-rf', '--', path]);
  }
};
