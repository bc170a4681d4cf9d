import { closeSync, constants, openSync, readlinkSync, statSync } from 'node:fs';
import { posix } from 'node:path';
import { errnoOf, openInRoot } from '#sys';
import type { Container } from './container.ts';
import type { EngineContext } from './context.ts';
import { engineErrors } from './errors.ts';
import { isLive } from './record.ts';
import { openRootAccess } from './root-access.ts';

const O_PATH = 0o10000000;

/**
 * A directory of this machine that is the root of what a path means, as an open descriptor. Symbolic links on the way
 * cannot lead out of it.
 */
export interface PathRoot extends AsyncDisposable {
  readonly fd: number;
  /** The wanted path below `fd`; absolute and clean. */
  readonly inner: string;
  /** The last part of the path as it was asked for; empty for the root. */
  readonly name: string;
  /** What `/` of `fd` is called in the container; empty for the container's own root. */
  readonly prefix: string;
}

/** Absolute and clean, with the trailing `/` or `/.` that says "the directory itself" taken off. */
export const cleanContainerPath = (path: string): string => {
  const clean = posix.normalize(posix.join('/', path));
  return clean.length > 1 && clean.endsWith('/') ? clean.slice(0, -1) : clean;
};

interface Place {
  readonly root: string;
  readonly inner: string;
  readonly prefix: string;
}

/** A stopped container's mounts are looked into where they come from. */
const placeInMount = (container: Container, path: string): Place | undefined => {
  const mount = container.record.mounts
    .filter((candidate) => candidate.kind !== 'tmpfs')
    .filter(({ target }) => path === target || path.startsWith(`${target}/`))
    .toSorted((a, b) => b.target.length - a.target.length)[0];
  if (mount === undefined) return undefined;
  const rest = path.slice(mount.target.length);
  const isDirectory = statSync(mount.source, { throwIfNoEntry: false })?.isDirectory() ?? false;
  return isDirectory
    ? { root: mount.source, inner: rest === '' ? '/' : rest, prefix: mount.target }
    : { root: posix.dirname(mount.source), inner: `/${posix.basename(mount.source)}`, prefix: '' };
};

/** Where a path leads when its last part is followed too; the path itself where nothing is there. */
const followed = (fd: number, path: string): string => {
  try {
    const found = openInRoot(fd, path, { flags: O_PATH });
    try {
      const [base, inside] = [fd, found].map((open) => readlinkSync(`/proc/self/fd/${open}`));
      return base === '/' ? (inside ?? path) : inside?.slice(base?.length) || '/';
    } finally {
      closeSync(found);
    }
  } catch {
    return path;
  }
};

/** `LINK/` and `LINK/.` mean what the link leads to. */
const followsLast = (path: string): boolean => path.endsWith('/') || path.endsWith('/.');

const openRoot = (place: Place, path: string, release: () => Promise<void>): PathRoot => {
  const fd = openSync(place.root, O_PATH | constants.O_DIRECTORY);
  return {
    fd,
    inner: followsLast(path) ? followed(fd, place.inner) : place.inner,
    name: posix.basename(cleanContainerPath(path)),
    prefix: place.prefix,
    [Symbol.asyncDispose]: async () => {
      closeSync(fd);
      await release();
    },
  };
};

const nothing = async (): Promise<void> => undefined;

/** Opens what a path in a container lies in: the root its processes see, or its layers and mounts when stopped. */
export const openPathRoot = async (
  context: EngineContext,
  container: Container,
  path: string,
): Promise<PathRoot> => {
  const clean = cleanContainerPath(path);
  const { state } = container.record;
  if (isLive(container.record) && (state.kind === 'running' || state.kind === 'paused')) {
    return openRoot({ root: `/proc/${state.pid}/root`, inner: clean, prefix: '' }, path, nothing);
  }
  const mounted = placeInMount(container, clean);
  if (mounted !== undefined) return openRoot(mounted, path, nothing);
  const access = await openRootAccess(context, container);
  return openRoot({ root: access.path, inner: clean, prefix: '' }, path, async () => {
    await access[Symbol.asyncDispose]();
  });
};

const MISSING: ReadonlySet<string | undefined> = new Set(['ENOENT', 'ENOTDIR']);

/** Turns "there is no such thing" into Docker's words. */
export const orPathNotFound = <T>(container: Container, path: string, act: () => T): T => {
  try {
    return act();
  } catch (error) {
    if (!MISSING.has(errnoOf(error))) throw error;
    throw engineErrors.pathNotFound({ path, name: container.record.name }, error);
  }
};
