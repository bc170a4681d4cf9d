import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync, openSync, closeSync } from 'node:fs';
import { join } from 'node:path';
import { lgetXattr, umount } from '#sys';
import { encodeTarHeader, scanTar, TAR_END, tarPadding } from '#tar';
import { NOTHING_BELOW } from './below.ts';
import { mountErofs } from './erofs-mount.ts';
import { writeErofsImage } from './erofs-image.ts';
import { buildLayerTree } from './tree.ts';
import type { BackendName } from './types.ts';

/**
 * Name of the file or directory in a layer's own that overlay stacks; with the hex of a ChainId where the layer's
 * meaning depends on the layers below.
 */
export const formName = (backend: BackendName, chain?: string): string => {
  const suffix = chain === undefined ? '' : `-${chain}`;
  return backend === 'erofs' ? `index${suffix}.erofs` : `diff${suffix}`;
};

const writeProbe = (directory: string): { tar: string; index: string } => {
  const tar = join(directory, 'layer.tar');
  const xattrs = new Map([['user.probe', Buffer.from('y')]]);
  writeFileSync(
    tar,
    Buffer.concat([
      encodeTarHeader({ path: 'probe', kind: 'file', size: 5, xattrs }),
      Buffer.from('probe'),
      Buffer.alloc(tarPadding(5)),
      encodeTarHeader({ path: 'opaque', kind: 'directory' }),
      encodeTarHeader({ path: 'opaque/.wh..wh..opq', kind: 'file' }),
      TAR_END,
    ]),
  );
  const index = join(directory, 'index.erofs');
  const tarFd = openSync(tar, 'r');
  try {
    const root = buildLayerTree([...scanTar(tarFd)], NOTHING_BELOW);
    writeErofsImage(index, { root, tarFd, tarSize: 4096 });
  } finally {
    closeSync(tarFd);
  }
  return { tar, index };
};

const readsBack = (target: string): boolean =>
  readFileSync(join(target, 'probe'), 'utf8') === 'probe' &&
  lgetXattr(join(target, 'opaque'), 'trusted.overlay.opaque')?.toString() === 'y';

/**
 * Why EROFS cannot be mounted from files below `directory`; undefined when it can. Found by doing it: the kernel's
 * version does not tell.
 */
export const probeErofs = (directory: string): string | undefined => {
  const own = mkdtempSync(join(directory, '.tmp-probe-'));
  const target = join(own, 'mount');
  try {
    mkdirSync(target);
    const { tar, index } = writeProbe(own);
    mountErofs(index, tar, target);
    try {
      return readsBack(target) ? undefined : 'what is mounted cannot be read back';
    } finally {
      umount(target, { detach: true });
    }
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  } finally {
    rmSync(own, { recursive: true, force: true });
  }
};
