import { statSync } from 'node:fs';
import { basename, posix, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { Cli } from './context.ts';
import { followLink, insidePath, readInside, type ContainerPlace } from './container-archive.ts';
import { cliErrors } from './errors.ts';
import { extractTar } from './extract-tar.ts';

export interface CopyFromOptions {
  readonly followLinks: boolean;
  readonly archive: boolean;
  /** A local path, or `-` for a tar on stdout. */
  readonly target: string;
}

const existing = (path: string) => statSync(path, { throwIfNoEntry: false });

/** Where the first name of the archive goes: a folder that exists, and the name it gets there. */
const destination = (
  source: ContainerPlace,
  target: string,
): { readonly folder: string; readonly name: string | undefined } => {
  const absolute = resolve(target);
  const contents = insidePath(source.path).endsWith('/.');
  const found = existing(absolute);
  if (found?.isDirectory() === true)
    return { folder: absolute, name: contents ? '' : posix.basename(insidePath(source.path)) || undefined };
  if (found !== undefined && target.endsWith('/'))
    throw cliErrors.argumentInvalid({
      problem: `not a directory: ${target}`,
      advice: 'leave out the last slash',
    });
  const parent = resolve(absolute, '..');
  if (existing(parent)?.isDirectory() !== true)
    throw cliErrors.argumentInvalid({
      problem: `invalid output path: directory "${parent}" does not exist`,
      advice: 'make the directory first',
    });
  return { folder: parent, name: basename(absolute) };
};

/** Copies a path out of a container; returns the bytes of content. */
export const copyFromContainer = async (
  cli: Cli,
  from: ContainerPlace,
  options: CopyFromOptions,
): Promise<number> => {
  const client = await cli.client();
  const source = options.followLinks ? await followLink(client, from) : from;
  if (options.target === '-') {
    const answer = await readInside(client, source, cli.signal);
    await pipeline(answer.body, cli.stdout, { end: false });
    return 0;
  }
  const { folder, name } = destination(source, options.target);
  const answer = await readInside(client, source, cli.signal);
  const mustBeFolder = options.target.endsWith('/') && existing(resolve(options.target)) === undefined;
  return await extractTar(answer.body, { folder, rename: name, keepOwners: options.archive, mustBeFolder });
};
