import { execFile } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { promisify } from 'node:util';
import { errnoOf } from './errors.ts';

const run = promisify(execFile);

export interface RemoveTreeOptions {
  /** Tries again, for about two seconds, while others still put files there; they fail once the directory is gone. */
  readonly patient?: boolean | undefined;
}

const PATIENCE = { maxRetries: 20, retryDelay: 10 };

/**
 * Deletes a file or a directory with all in it; nothing where it is absent. A container can nest directories deeper than
 * any path reaches, which Node cannot delete: rm(1) walks step by step.
 */
export const removeTree = async (
  path: string,
  { patient = false }: RemoveTreeOptions = {},
): Promise<void> => {
  try {
    await rm(path, { recursive: true, force: true, ...(patient ? PATIENCE : {}) });
  } catch (error) {
    if (errnoOf(error) !== 'ENAMETOOLONG') throw error;
    await run('rm', ['-rf', '--', path]);
  }
};
