import { closeSync, fstatSync, openSync } from 'node:fs';
import { setTimeout, clearTimeout } from 'node:timers';
import type { DiffId } from '#oci';
import type { TarEntry } from '#tar';
import type { LayerEntry } from './types.ts';

/** Where a tar has a file: its header, content and filling. */
export interface WrittenFile {
  readonly start: number;
  readonly length: number;
  readonly entry: TarEntry;
}

/** Files by what their entries say and the digest of their content. */
export type WrittenFiles = ReadonlyMap<string, WrittenFile>;

/** An earlier layer that pieces may be copied from. */
export interface Donor {
  readonly fd: number;
  readonly files: WrittenFiles;
}

/** What layers that were written lately consist of, so that the next one like them need not read every file again. */
export interface WrittenLayers {
  remember(diffId: DiffId, size: number, files: WrittenFiles): void;
  /** Opens their tars, the newest first; disposed when the layer is written. */
  open(): Disposable & { readonly donors: readonly Donor[] };
}

/** Smaller layers are written anew as fast. */
const LEAST_FILES = 64;
const MOST_LAYERS = 4;
const MOST_FILES = 60_000;
/** Nobody who builds again and again waits longer; the memory is given back then. */
const KEPT_MS = 10 * 60 * 1000;

/** What two entries have in common whose bytes in a tar are the same; undefined where that is not worth while. */
export const identityOf = (entry: Omit<LayerEntry, 'source'>): string | undefined => {
  const { kind, digest, linkName, mode, uid, gid, mtimeNs, path, xattrs } = entry;
  if ((xattrs?.size ?? 0) > 0) return undefined;
  const about = `${mode} ${uid} ${gid} ${mtimeNs} ${path}`;
  if (kind === 'file') return digest === undefined ? undefined : `${digest} ${about}`;
  if (kind === 'directory') return `d ${about}`;
  return kind === 'symlink' ? `l ${about}\0${linkName}` : undefined;
};

interface Kept {
  readonly size: number;
  readonly files: WrittenFiles;
}

const openTar = (path: string, size: number): number | undefined => {
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch {
    return undefined;
  }
  if (fstatSync(fd).size === size) return fd;
  closeSync(fd);
  return undefined;
};

const trim = (kept: Map<DiffId, Kept>): void => {
  let files = [...kept.values()].reduce((sum, one) => sum + one.files.size, 0);
  for (const [diffId, one] of kept) {
    if (kept.size <= MOST_LAYERS && files <= MOST_FILES) return;
    files -= one.files.size;
    kept.delete(diffId);
  }
};

export const createWrittenLayers = (tarPath: (diffId: DiffId) => string): WrittenLayers => {
  const kept = new Map<DiffId, Kept>();
  let timer: NodeJS.Timeout | undefined;
  return {
    remember(diffId, size, files) {
      if (files.size < LEAST_FILES) return;
      kept.delete(diffId);
      kept.set(diffId, { size, files });
      trim(kept);
      clearTimeout(timer);
      timer = setTimeout(() => kept.clear(), KEPT_MS).unref();
    },
    open() {
      const donors = [...kept].toReversed().flatMap(([diffId, { size, files }]): readonly Donor[] => {
        const fd = openTar(tarPath(diffId), size);
        if (fd === undefined) kept.delete(diffId);
        return fd === undefined ? [] : [{ fd, files }];
      });
      return { donors, [Symbol.dispose]: () => donors.forEach(({ fd }) => closeSync(fd)) };
    },
  };
};
