import { existsSync, realpathSync, statSync } from 'node:fs';
import { isAbsolute, join, relative, resolve } from 'node:path';
import { Readable } from 'node:stream';
import { isRemote } from './build-sources.ts';
import type { Cli } from './context.ts';
import { cliErrors } from './errors.ts';
import { openInput } from './input-file.ts';

/** What is built: a directory here, or an archive that comes on stdin. */
export type CliBuildContext =
  | {
      readonly kind: 'directory';
      /** Absolute path. */
      readonly path: string;
      /** Path inside the directory, or the text itself. */
      readonly dockerfile: { readonly path: string } | { readonly text: string } | undefined;
    }
  | { readonly kind: 'archive'; readonly stream: Readable; readonly dockerfile: string | undefined }
  /** A git repository, or an archive or a Dockerfile at a URL, which the daemon fetches. */
  | {
      readonly kind: 'remote';
      readonly url: string;
      readonly dockerfile: { readonly path: string } | { readonly text: string } | undefined;
    }
  /** Only a Dockerfile, with nothing to copy from. */
  | { readonly kind: 'dockerfile'; readonly text: string };

/** Largest Dockerfile that is read here; the daemon takes none that is larger. */
const MAX_TEXT_BYTES = 16 << 20;

const readText = async (stream: AsyncIterable<Buffer>): Promise<Buffer> => {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of stream) {
    size += chunk.length;
    if (size > MAX_TEXT_BYTES)
      throw cliErrors.argumentInvalid({
        problem: 'the Dockerfile on standard input is larger than 16 MiB',
        advice: 'send a Dockerfile, or a tar archive of the context',
      });
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
};

const USTAR_AT = 257;
const HEAD_BYTES = 512;

/** gzip, bzip2, xz, zstd, or tar. */
const isArchive = (head: Buffer): boolean =>
  head.readUInt16BE(0) === 0x1f8b ||
  head.subarray(0, 3).toString() === 'BZh' ||
  head.readUInt32BE(0) === 0xfd377a58 ||
  head.readUInt32BE(0) === 0x28b52ffd ||
  head.subarray(USTAR_AT, USTAR_AT + 5).toString() === 'ustar';

/** An archive or a Dockerfile, told apart by the first bytes. */
const fromStdin = async (cli: Cli, file: string | undefined): Promise<CliBuildContext> => {
  const source = (await openInput(cli, '-')) as AsyncIterable<Buffer>;
  const iterator = source[Symbol.asyncIterator]();
  const held: Buffer[] = [];
  for (let size = 0; size < HEAD_BYTES;) {
    const next = await iterator.next();
    if (next.done === true) break;
    held.push(next.value);
    size += next.value.length;
  }
  const rest = async function* (): AsyncGenerator<Buffer> {
    yield* held;
    for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) yield next.value;
  };
  const head = Buffer.concat(held);
  if (head.length >= HEAD_BYTES && isArchive(head))
    return { kind: 'archive', stream: Readable.from(rest(), { objectMode: false }), dockerfile: file };
  return { kind: 'dockerfile', text: (await readText(rest())).toString() };
};

const checkDirectory = (path: string): void => {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found?.isDirectory() === true) return;
  const problem = found === undefined ? `path "${path}" not found` : `"${path}" is not a directory`;
  throw cliErrors.argumentInvalid({
    problem: `unable to prepare context: ${problem}`,
    advice: 'name the directory that holds the files to build from; the Dockerfile is named with -f',
  });
};

const readStdin = async (cli: Cli): Promise<string> =>
  (await readText((await openInput(cli, '-', 'Dockerfile')) as AsyncIterable<Buffer>)).toString();

/** Where a Dockerfile lies behind its links; undefined where nothing is. */
const behindLinks = (path: string): string | undefined => {
  try {
    return realpathSync(path);
  } catch {
    return undefined;
  }
};

/**
 * `-f` as docker reads it: relative to here, its links followed; a path where it lies inside the context, else its text.
 * Without `-f` a Dockerfile that is a link is followed too.
 */
const dockerfileOf = async (
  cli: Cli,
  path: string,
  file: string | undefined,
): Promise<{ readonly path: string } | { readonly text: string } | undefined> => {
  if (file === '-') return { text: await readStdin(cli) };
  const written = file === undefined ? join(path, 'Dockerfile') : resolve(file);
  const real = behindLinks(written);
  if (file === undefined && (real === undefined || real === written)) return undefined;
  const inside = relative(realpathSync(path), real ?? written);
  if (!inside.startsWith('..') && !isAbsolute(inside)) return { path: inside };
  const source = (await openInput(cli, real ?? written)) as AsyncIterable<Buffer>;
  return { text: (await readText(source)).toString() };
};

const remoteContext = async (cli: Cli, url: string, file: string | undefined): Promise<CliBuildContext> => {
  const dockerfile = file === '-' ? { text: await readStdin(cli) } : { path: file ?? '' };
  return { kind: 'remote', url, dockerfile: file === undefined ? undefined : dockerfile };
};

/** @throws CLI_ARGUMENT_INVALID, CLI_FILE_UNREADABLE */
export const chooseBuildContext = async (
  cli: Cli,
  options: { readonly place: string; readonly file: string | undefined },
): Promise<CliBuildContext> => {
  const { place, file } = options;
  if (place === '-') {
    if (file === '-')
      throw cliErrors.optionsConflict({
        problem: "can't use stdin for both build context and dockerfile",
        command: 'lade build',
      });
    return await fromStdin(cli, file);
  }
  if (isRemote(place) && !existsSync(place)) return await remoteContext(cli, place, file);
  const path = resolve(place);
  checkDirectory(path);
  return { kind: 'directory', path, dockerfile: await dockerfileOf(cli, path, file) };
};
