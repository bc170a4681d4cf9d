import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { toLadeError } from '#errors';
import { stepsErrors } from './errors.ts';

const run = promisify(execFile);

/**
 * Copies what a directory holds with owners, modes, times, links and attributes into another one, which must exist.
 * Links are copied, never followed.
 *
 * @throws `STEPS_COPY_FAILED` with the words of cp(1)
 */
export const copyTree = async (from: string, to: string, signal?: AbortSignal): Promise<void> => {
  try {
    await run('cp', ['-a', '--reflink=auto', '-T', '--', from, to], { signal, env: { LC_ALL: 'C' } });
  } catch (error) {
    if (signal?.aborted === true) throw toLadeError(signal.reason);
    const stderr = error instanceof Error && 'stderr' in error ? String(error.stderr).trim() : String(error);
    throw stepsErrors.copyFailed({ reason: stderr.split('\n')[0] ?? '' }, error);
  }
};
