import { constants, createWriteStream } from 'node:fs';
import { access, realpath, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
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

const writeFile = async (body: Readable, path: string): Promise<void> => {
  const temporary = `${path}.part-${process.pid}`;
  try {
    await pipeline(body, createWriteStream(temporary, { mode: 0o600 }));
    await rename(temporary, path);
  } finally {
    await rm(temporary, { force: true });
  }
};

/**
 * Writes bytes to stdout, or to a file that appears whole or not at all. What is there and is no file, such as
 * `/dev/null` or a FIFO, is written to and stays what it is.
 *
 * @throws CLI_FILE_UNWRITABLE
 */
export const writeOutput = async (cli: Cli, body: Readable, path: string | undefined): Promise<void> => {
  if (path === undefined) {
    await pipeline(body, cli.stdout, { end: false });
    return;
  }
  let target: Awaited<ReturnType<typeof destination>>;
  try {
    target = await destination(path);
  } catch (error) {
    body.destroy();
    const problem = error instanceof Error ? error.message : String(error);
    throw cliErrors.fileUnwritable({ path, problem }, error);
  }
  if (target.inPlace) await pipeline(body, createWriteStream(target.path, { flags: 'w' }));
  else await writeFile(body, target.path);
};
