import { randomUUID } from 'node:crypto';
import { constants, createWriteStream } from 'node:fs';
import { access, open, realpath, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Cli } from './context.ts';
import { cliErrors } from './errors.ts';

/** Refuses to write an archive to a terminal. */
export const checkOutput = (cli: Cli, path: string | undefined): void => {
  if (path === undefined && cli.stdout.isTTY)
    throw cliErrors.argumentInvalid({
      problem: 'cowardly refusing to save to a terminal',
      advice: 'use the -o flag, or redirect the output',
    });
};

const missing = (error: unknown): undefined => {
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
  throw error;
};

/** Where the bytes go: a new file that takes the place of `path`, or a device, FIFO or socket itself. */
const destination = async (path: string): Promise<{ readonly path: string; readonly inPlace: boolean }> => {
  // The file that a link means, not the link, is replaced.
  const real = await realpath(path).catch(missing);
  if (real === undefined) {
    await access(dirname(path), constants.W_OK);
    return { path, inPlace: false };
  }
  const info = await stat(real);
  if (info.isDirectory()) throw new Error('it is a directory');
  return { path: real, inPlace: !info.isFile() };
};

const syncNames = async (folder: string): Promise<void> => {
  await using directory = await open(folder);
  await directory.sync();
};

const writeFile = async (body: Readable, path: string, mode: number): Promise<void> => {
  const temporary = join(dirname(path), `.lade-${randomUUID()}`);
  try {
    await pipeline(body, createWriteStream(temporary, { flags: 'wx', mode, flush: true }));
    await rename(temporary, path);
    await syncNames(dirname(path));
  } finally {
    await rm(temporary, { force: true });
  }
};

/**
 * Writes bytes to a file that appears whole or not at all, and survives a crash of the machine once this returns. What is
 * there and is no file, such as `/dev/null` or a FIFO, is written to and stays what it is.
 *
 * @param mode of a file that is made, which the umask narrows
 * @throws CLI_FILE_UNWRITABLE
 */
export const writeOutputFile = async (body: Readable, path: string, mode = 0o600): Promise<void> => {
  let target: Awaited<ReturnType<typeof destination>>;
  try {
    target = await destination(path);
  } catch (error) {
    body.destroy();
    const problem = error instanceof Error ? error.message : String(error);
    throw cliErrors.fileUnwritable({ path, problem }, error);
  }
  if (target.inPlace) await pipeline(body, createWriteStream(target.path, { flags: 'w' }));
  else await writeFile(body, target.path, mode);
};

/** Writes bytes to stdout, or to a file as `writeOutputFile` does. */
export const writeOutput = async (cli: Cli, body: Readable, path: string | undefined): Promise<void> => {
  if (path === undefined) await pipeline(body, cli.stdout, { end: false });
  else await writeOutputFile(body, path);
};
