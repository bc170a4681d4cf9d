import { randomUUID } from 'node:crypto';
import { closeSync, constants, openSync } from 'node:fs';
import { open, readFile, realpath, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { errnoOf, makeDirectories } from '#sys';
import { outputsErrors } from './errors.ts';

const unusable = (path: string, error: unknown): Error =>
  outputsErrors.destinationUnusable(
    { path, reason: error instanceof Error ? error.message : String(error) },
    error,
  );

const kindOf = async (path: string): Promise<'file' | 'directory' | 'special' | undefined> => {
  try {
    const found = await stat(path);
    if (found.isDirectory()) return 'directory';
    return found.isFile() ? 'file' : 'special';
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
};

const writeAll = async (
  path: string,
  flags: string,
  bytes: AsyncIterable<Uint8Array>,
  signal: AbortSignal | undefined,
): Promise<void> => {
  await using file = await open(path, flags, 0o644);
  for await (const chunk of bytes) {
    signal?.throwIfAborted();
    await file.writeFile(chunk);
  }
};

/**
 * Writes a file, wholly or not at all: beside its place first. A pipe or device is written as it is.
 *
 * @throws OUTPUTS_DESTINATION_UNUSABLE for a directory
 */
export const writeFileOutput = async (
  path: string,
  bytes: AsyncIterable<Uint8Array>,
  signal: AbortSignal | undefined,
): Promise<void> => {
  const kind = await kindOf(path);
  if (kind === 'directory') throw unusable(path, 'it is a directory');
  if (kind === 'special') return writeAll(path, 'w', bytes, signal);
  const target = kind === 'file' ? await realpath(path) : path;
  const temporary = join(dirname(target), `.${basename(target)}.${randomUUID()}`);
  try {
    makeDirectories(dirname(target), 0o755);
    await writeAll(temporary, 'wx', bytes, signal);
    await rename(temporary, target);
  } catch (error) {
    await rm(temporary, { force: true });
    throw errnoOf(error) === undefined ? error : unusable(path, error);
  }
};

/** An open directory that is written to. */
interface OpenedDirectory extends Disposable {
  readonly fd: number;
}

/** Opens a directory, made where it is missing. @throws OUTPUTS_DESTINATION_UNUSABLE for a file */
export const openDirectoryOutput = (path: string): OpenedDirectory => {
  try {
    makeDirectories(path, 0o755);
    const fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
    return { fd, [Symbol.dispose]: () => closeSync(fd) };
  } catch (error) {
    throw unusable(path, error);
  }
};

/** A small file of an open directory; undefined when it is absent. */
export const readSmall = async (fd: number, name: string): Promise<Buffer | undefined> => {
  try {
    return await readFile(`/proc/self/fd/${fd}/${name}`);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
};

/** Replaces a small file of an open directory. */
export const writeSmall = async (fd: number, name: string, bytes: Uint8Array): Promise<void> => {
  const temporary = `/proc/self/fd/${fd}/.${name}.${randomUUID()}`;
  try {
    await writeFile(temporary, bytes, { flag: 'wx' });
    await rename(temporary, `/proc/self/fd/${fd}/${name}`);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
};
