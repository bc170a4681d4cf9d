import { createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
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

/** Writes bytes to stdout, or to a file that appears whole or not at all. */
export const writeOutput = async (cli: Cli, body: Readable, path: string | undefined): Promise<void> => {
  if (path === undefined) {
    await pipeline(body, cli.stdout, { end: false });
    return;
  }
  const temporary = `${path}.part-${process.pid}`;
  try {
    await pipeline(body, createWriteStream(temporary, { mode: 0o600 }));
    await rename(temporary, path);
  } finally {
    await rm(temporary, { force: true });
  }
};
