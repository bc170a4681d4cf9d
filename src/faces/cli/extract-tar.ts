import {
  chownSync,
  closeSync,
  fchmodSync,
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  openSync,
  rmSync,
  symlinkSync,
  writeSync,
  chmodSync,
  lchownSync,
} from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { readTar, type TarEntry, type TarItem } from '#tar';
import { cliErrors } from './errors.ts';

export interface ExtractOptions {
  /** An existing folder; nothing is written outside of it. */
  readonly folder: string;
  /** The first part of every name becomes this; empty drops it; undefined keeps it. */
  readonly rename: string | undefined;
  /** Files belong to whom the archive says; otherwise to us. */
  readonly keepOwners: boolean;
  /** Refuse an archive that does not begin with a folder. */
  readonly mustBeFolder: boolean;
}

const partsOf = (name: string): readonly string[] =>
  name.split('/').filter((part) => part !== '' && part !== '.');

/** The path below the folder, as parts. */
const renamed = (name: string, options: ExtractOptions): readonly string[] => {
  const parts = partsOf(name);
  if (parts.includes('..')) throw unsafe(name);
  if (options.rename === undefined) return parts;
  return options.rename === '' ? parts.slice(1) : [options.rename, ...parts.slice(1)];
};

const unsafe = (name: string): Error =>
  cliErrors.work({
    message: `refused to write ${JSON.stringify(name)}: it leads out of the target folder`,
    advice: 'copy the path as a tar instead: lade cp CONTAINER:PATH - > archive.tar',
  });

const stat = (path: string) => lstatSync(path, { throwIfNoEntry: false });

/** The path to write; folders above are made, and none of them may be a link that the archive brought. */
const place = (parts: readonly string[], name: string, folder: string): string => {
  let path = folder;
  for (const part of parts.slice(0, -1)) {
    path = join(path, part);
    const found = stat(path);
    if (found === undefined) mkdirSync(path);
    else if (!found.isDirectory()) throw unsafe(name);
  }
  return join(path, parts.at(-1) ?? '');
};

const writeFile = async (path: string, item: TarItem): Promise<number> => {
  rmSync(path, { force: true });
  const file = openSync(path, 'wx', 0o600);
  let bytes = 0;
  try {
    for await (const chunk of item.content()) {
      for (let at = 0; at < chunk.length;) at += writeSync(file, chunk, at);
      bytes += chunk.length;
    }
    fchmodSync(file, item.entry.mode);
  } finally {
    closeSync(file);
  }
  return bytes;
};

const finish = (path: string, entry: TarEntry, keepOwners: boolean): void => {
  if (keepOwners) (entry.kind === 'symlink' ? lchownSync : chownSync)(path, entry.uid, entry.gid);
  const seconds = Number(entry.mtimeNs / 1000n) / 1e6;
  lutimesSync(path, seconds, seconds);
};

const makeFolder = (path: string, entry: TarEntry): void => {
  if (stat(path)?.isDirectory() !== true) mkdirSync(path);
  chmodSync(path, entry.mode);
};

const writeEntry = async (item: TarItem, path: string, options: ExtractOptions): Promise<number> => {
  const { entry } = item;
  switch (entry.kind) {
    case 'directory':
      makeFolder(path, entry);
      return 0;
    case 'file':
      return await writeFile(path, item);
    case 'symlink':
      rmSync(path, { force: true });
      symlinkSync(entry.linkName, path);
      return 0;
    case 'hardlink': {
      const target = renamed(entry.linkName, options);
      rmSync(path, { force: true });
      linkSync(place(target, entry.linkName, options.folder), path);
      return 0;
    }
    case 'char':
    case 'block':
    case 'fifo':
      throw cliErrors.notSupported({
        feature: `copying ${entry.path}, which is a device or a pipe,`,
        instead: 'copy the path as a tar instead: lade cp CONTAINER:PATH - > archive.tar',
      });
    default:
      return entry.kind satisfies never;
  }
};

/**
 * Unpacks a tar stream below a folder and returns the bytes of file content.
 *
 * @throws CLI_WORK when a name leads out of the folder; what was unpacked before it stays
 */
export const extractTar = async (stream: Readable, options: ExtractOptions): Promise<number> => {
  let bytes = 0;
  const folders: (() => void)[] = [];
  let first = true;
  for await (const item of readTar(stream)) {
    const { entry } = item;
    if (first && options.mustBeFolder && entry.kind !== 'directory')
      throw cliErrors.argumentInvalid({
        problem: 'no such directory',
        advice: 'make the target directory first',
      });
    first = false;
    const parts = renamed(entry.path, options);
    if (parts.length === 0) continue;
    const path = place(parts, entry.path, options.folder);
    bytes += await writeEntry(item, path, options);
    if (entry.kind === 'directory') folders.push(() => finish(path, entry, options.keepOwners));
    else if (entry.kind !== 'hardlink') finish(path, entry, options.keepOwners);
  }
  for (const done of folders.toReversed()) done();
  return bytes;
};
