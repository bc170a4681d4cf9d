import { randomUUID } from 'node:crypto';
import { closeSync, constants, openSync } from 'node:fs';
import { open, readFile, realpath, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { errnoOf, fileLock, makeDirectories } from '#sys';
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

type Pieces = AsyncIterable<Uint8Array> | Iterable<Uint8Array>;

const writeAll = async (
  path: string,
  flags: 'w' | 'wx',
  bytes: Pieces,
  signal: AbortSignal | undefined,
): Promise<void> => {
  await using file = await open(path, flags, 0o644);
  for await (const chunk of bytes) {
    signal?.throwIfAborted();
    await file.writeFile(chunk);
  }
  // What is there already is a pipe or a device.
  if (flags === 'wx') await file.sync();
};

/** Makes the names in a directory durable. */
const syncNames = async (path: string): Promise<void> => {
  await using directory = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
  await directory.sync();
};

/** Makes a directory and those above it where they are missing, durably. */
const makeDurably = async (path: string): Promise<void> => {
  const grown: string[] = [];
  for (let at = path; (await kindOf(at)) === undefined && dirname(at) !== at; at = dirname(at))
    grown.push(dirname(at));
  makeDirectories(path, 0o755);
  for (const parent of grown) await syncNames(parent);
};

/** Writes a file of a directory, wholly or not at all, and durably: beside its place first. */
const replaceFile = async (
  directory: string,
  name: string,
  write: (temporary: string) => Promise<void>,
): Promise<void> => {
  const temporary = join(directory, `.lade-${randomUUID()}`);
  try {
    await write(temporary);
    await rename(temporary, join(directory, name));
    await syncNames(directory);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
};

/**
 * Writes a file, wholly or not at all; it survives a crash of the machine once this returns. A pipe or device is written
 * as it is.
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
  try {
    await makeDurably(dirname(target));
    await replaceFile(dirname(target), basename(target), (temporary) =>
      writeAll(temporary, 'wx', bytes, signal),
    );
  } catch (error) {
    throw errnoOf(error) === undefined ? error : unusable(path, error);
  }
};

/** An open directory that is written to. */
interface OpenedDirectory extends Disposable {
  readonly fd: number;
}

/** Opens a directory, made where it is missing. @throws OUTPUTS_DESTINATION_UNUSABLE for a file */
export const openDirectoryOutput = async (path: string): Promise<OpenedDirectory> => {
  try {
    await makeDurably(path);
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

/** Replaces a small file of an open directory, durably. */
export const writeSmall = (fd: number, name: string, bytes: Uint8Array): Promise<void> =>
  replaceFile(`/proc/self/fd/${fd}`, name, (temporary) => writeAll(temporary, 'wx', [bytes], undefined));

const LOCK_EVERY_MS = 25;

/** A lock on a directory that other builds, and BuildKit's clients, write to as well. */
interface DirectoryLock extends AsyncDisposable {
  readonly path: string;
}

/** Waits for the lock file `name` of an open directory; it goes with the lock. */
export const lockDirectory = async (
  fd: number,
  name: string,
  signal: AbortSignal | undefined,
): Promise<DirectoryLock> => {
  const path = `/proc/self/fd/${fd}/${name}`;
  for (;;) {
    signal?.throwIfAborted();
    const lock = fileLock(path);
    if (lock === undefined) {
      await setTimeout(LOCK_EVERY_MS);
      continue;
    }
    return {
      path,
      [Symbol.asyncDispose]: async () => {
        await rm(path, { force: true });
        lock[Symbol.dispose]();
      },
    };
  }
};
