import { Readable } from 'node:stream';
import { writeTar } from '#tar';
import { treeEntries } from '#trees';
import type { Container } from './container.ts';
import { emitContainer, type EngineContext } from './context.ts';
import { openRootAccess, releaseWhenClosed } from './root-access.ts';

/** A tar of the container's root file system, without its mounts. */
export const exportTar = async (context: EngineContext, container: Container): Promise<Readable> => {
  const access = await openRootAccess(context, container);
  emitContainer(context, container, 'export');
  const tar = Readable.from(writeTar(treeEntries(`${access.path}/.`, '')), { objectMode: false });
  return releaseWhenClosed(context, tar, access);
};
