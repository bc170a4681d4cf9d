import { posix } from 'node:path';
import { Readable } from 'node:stream';
import { resolveUser } from '#runtime';
import { writeTar } from '#tar';
import { extractTar, openDirectory, treeEntries } from '#trees';
import type { Container } from './container.ts';
import { emitContainer, type EngineContext } from './context.ts';
import { engineErrors } from './errors.ts';
import { openPathRoot, orPathNotFound, type PathRoot } from './path-root.ts';
import { describePath, statInRoot } from './path-stat.ts';
import { releaseWhenClosed } from './root-access.ts';
import type { ArchivePutOptions, PathStat } from './types.ts';

/** HEAD /containers/{id}/archive. */
export const statPath = async (
  context: EngineContext,
  container: Container,
  path: string,
): Promise<PathStat> => {
  await using root = await openPathRoot(context, container, path);
  return orPathNotFound(container, path, () => describePath(root));
};

/** The name that the archive's first entry has: `.` for `DIR/.`, so that a client can tell it from `DIR`. */
const archiveName = (path: string, stat: PathStat): string => {
  if (path.endsWith('/.') || path === '.') return '.';
  return stat.name === '/' ? '.' : stat.name;
};

async function* archiveBytes(root: PathRoot, name: string): AsyncGenerator<Uint8Array> {
  if (root.inner === '/') {
    yield* writeTar(treeEntries(`/proc/self/fd/${root.fd}/.`, name));
    return;
  }
  using parent = openDirectory(root.fd, posix.dirname(root.inner));
  yield* writeTar(treeEntries(parent.entry(posix.basename(root.inner)), name));
}

/** GET /containers/{id}/archive: one file or a whole directory. The last part of the path is not followed. */
export const getArchive = async (
  context: EngineContext,
  container: Container,
  path: string,
): Promise<{ readonly stat: PathStat; readonly tar: Readable }> => {
  const root = await openPathRoot(context, container, path);
  try {
    const stat = orPathNotFound(container, path, () => describePath(root));
    if (path.endsWith('/') && path !== '/') {
      const found = orPathNotFound(container, path, () => statInRoot(root));
      if (!found.isDirectory()) throw engineErrors.notDirectory({ path });
    }
    emitContainer(context, container, 'archive-path');
    const tar = Readable.from(archiveBytes(root, archiveName(path, stat)), { objectMode: false });
    return { stat, tar: releaseWhenClosed(context, tar, root) };
  } catch (error) {
    await root[Symbol.asyncDispose]();
    throw error;
  }
};

const isWritable = (container: Container, path: string): boolean => {
  const { hostConfig, mounts } = container.record;
  const mount = mounts
    .filter(({ target }) => path === target || path.startsWith(`${target}/`))
    .toSorted((a, b) => b.target.length - a.target.length)[0];
  if (mount !== undefined) return mount.kind === 'tmpfs' || !mount.readonly;
  return hostConfig.ReadonlyRootfs !== true;
};

const ownerOf = (
  context: EngineContext,
  container: Container,
  copyUidGid: boolean,
): { readonly uid: number; readonly gid: number } | undefined => {
  const user = container.record.config.User ?? '';
  const merged = context.layers.snapshot(container.id)?.mergedPath;
  return copyUidGid && user !== '' && merged !== undefined ? resolveUser(merged, user) : undefined;
};

/** PUT /containers/{id}/archive: unpacks below a directory that is there. */
export const putArchive = async (
  context: EngineContext,
  container: Container,
  options: ArchivePutOptions,
): Promise<void> => {
  const { path } = options;
  await using root = await openPathRoot(context, container, path);
  const found = orPathNotFound(container, path, () => statInRoot(root));
  if (!found.isDirectory() && !found.isSymbolicLink()) throw engineErrors.notDirectory({ path });
  if (!isWritable(container, posix.join(root.prefix, root.inner))) {
    throw engineErrors.pathReadonly({ name: container.record.name });
  }
  await extractTar(options.tar, {
    root: root.fd,
    directory: root.inner,
    keepKinds: options.noOverwriteDirNonDir ?? false,
    owner: ownerOf(context, container, options.copyUidGid ?? false),
  });
  emitContainer(context, container, 'extract-to-dir');
};
