import { randomUUID } from 'node:crypto';
import { constants, type Stats } from 'node:fs';
import { chmod, lchown, link, lstat, mkdir, open, rename, rm, symlink, unlink } from 'node:fs/promises';
import { posix } from 'node:path';
import { errnoOf, lsetXattr, lutimesNs, mknod } from '#sys';
import { encodeName, fsPath, readTar, type TarEntry, type TarItem } from '#tar';
import { treesErrors } from './errors.ts';
import { openDirectory, type OpenDirectory } from './open-directory.ts';
import { removeEntry } from './remove-entry.ts';

export interface ExtractOptions {
  /** Descriptor of the directory that no symbolic link leads out of. */
  readonly root: number;
  /** Where to unpack, below `root`. */
  readonly directory: string;
  /** Refuse to replace a directory by something else, and the reverse. */
  readonly keepKinds: boolean;
  /** Owner of everything; the archive's own ones when absent. */
  readonly owner: { readonly uid: number; readonly gid: number } | undefined;
}

const FILE_TYPE = { char: 0o020000, block: 0o060000, fifo: 0o010000 } as const;
const CREATE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

/** Parts of an entry's path; none may be `..`. */
const partsOf = (path: string): readonly string[] => {
  const parts = path.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.includes('..')) throw treesErrors.archiveEscapes({ path });
  return parts;
};

/** Opens a directory, making it and those above it where they are missing. */
const openMaking = async (root: number, path: string): Promise<OpenDirectory> => {
  try {
    return openDirectory(root, path);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT' || path === '/') throw error;
  }
  using parent = await openMaking(root, posix.dirname(path));
  await mkdir(parent.entry(posix.basename(path)), { mode: 0o755 }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
  });
  return openDirectory(root, path);
};

const present = async (path: string | Buffer): Promise<Stats | undefined> => {
  try {
    return await lstat(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
};

interface Place {
  readonly parent: OpenDirectory;
  readonly name: string;
}

/** Makes way for the entry; true when a directory stays that the entry only changes. A file takes the place of one. */
const makeWay = async ({ parent, name }: Place, entry: TarEntry, keepKinds: boolean): Promise<boolean> => {
  const path = fsPath(parent.entry(name));
  const stat = await present(path);
  if (stat === undefined) return false;
  const isDirectory = stat.isDirectory();
  if (isDirectory && entry.kind === 'directory') return true;
  if (keepKinds && isDirectory !== (entry.kind === 'directory')) {
    throw treesErrors.cannotOverwrite({ path: entry.path });
  }
  if (isDirectory) await removeEntry(parent, name);
  else if (entry.kind !== 'file') await unlink(path);
  return false;
};

const writeContent = async (path: string | Buffer, item: TarItem): Promise<void> => {
  await using file = await open(path, CREATE, 0o600);
  for await (const chunk of item.content()) await file.writeFile(chunk);
};

const makeLink = async (path: string | Buffer, entry: TarEntry, options: ExtractOptions): Promise<void> => {
  const parts = partsOf(entry.linkName);
  const name = parts.at(-1);
  if (name === undefined) throw treesErrors.archiveEscapes({ path: entry.linkName });
  using parent = openDirectory(options.root, posix.join(options.directory, ...parts.slice(0, -1)));
  await link(fsPath(parent.entry(name)), path);
};

/** Makes a directory, or takes one that somebody else has made meanwhile. */
const makeDirectory = async (path: string | Buffer): Promise<void> => {
  try {
    await mkdir(path, { mode: 0o700 });
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST' || (await present(path))?.isDirectory() !== true) throw error;
  }
};

/** Makes what has no content. */
const make = async (path: string | Buffer, entry: TarEntry, options: ExtractOptions): Promise<void> => {
  switch (entry.kind) {
    case 'file':
      return undefined;
    case 'directory':
      return makeDirectory(path);
    case 'symlink':
      return symlink(entry.linkName.isWellFormed() ? entry.linkName : encodeName(entry.linkName), path);
    case 'hardlink':
      return makeLink(path, entry, options);
    case 'char':
    case 'block':
    case 'fifo':
      return mknod(String(path), FILE_TYPE[entry.kind] | 0o600, entry.major, entry.minor);
    default:
      return entry.kind satisfies never;
  }
};

const O_PATH = 0o10000000;

/** chmod(2) that follows no link, not even one that somebody in the container puts there meanwhile. */
const changeMode = async (path: string | Buffer, mode: number): Promise<void> => {
  await using file = await open(path, O_PATH | constants.O_NOFOLLOW);
  await chmod(`/proc/self/fd/${file.fd}`, mode);
};

/** Owner, then mode (a change of owner clears set-user-ID), attributes, time. */
const dress = async (path: string | Buffer, entry: TarEntry, options: ExtractOptions): Promise<void> => {
  if (entry.kind === 'hardlink') return;
  const { uid, gid } = options.owner ?? entry;
  await lchown(path, uid, gid);
  if (entry.kind !== 'symlink') await changeMode(path, entry.mode & 0o7777);
  if (typeof path !== 'string') return;
  for (const [name, value] of entry.xattrs) {
    if (name === 'security.capability' || name.startsWith('user.')) lsetXattr(path, name, value);
  }
  lutimesNs(path, entry.mtimeNs, entry.mtimeNs);
};

/** Writes a file beside its place and moves it there: it is never there in part. */
const placeFile = async ({ parent, name }: Place, item: TarItem, options: ExtractOptions): Promise<void> => {
  const temporary = parent.entry(`.lade-${randomUUID()}`);
  try {
    await writeContent(temporary, item);
    await dress(temporary, item.entry, options);
    await rename(temporary, fsPath(parent.entry(name)));
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
};

const extractOne = async (
  item: TarItem,
  options: ExtractOptions,
): Promise<(() => Promise<void>) | undefined> => {
  const { entry } = item;
  const parts = partsOf(entry.path);
  const name = parts.at(-1);
  if (name === undefined) return undefined;
  const parentPath = posix.join(options.directory, ...parts.slice(0, -1));
  using parent = await openMaking(options.root, parentPath);
  const path = fsPath(parent.entry(name));
  const stays = await makeWay({ parent, name }, entry, options.keepKinds);
  if (entry.kind === 'file') {
    await placeFile({ parent, name }, item, options);
    return undefined;
  }
  if (!stays) await make(path, entry, options);
  if (entry.kind !== 'directory') {
    await dress(path, entry, options);
    return undefined;
  }
  return async () => {
    using again = openDirectory(options.root, parentPath);
    const made = fsPath(again.entry(name));
    // A later entry of the archive may have taken its place.
    if ((await present(made))?.isDirectory() === true) await dress(made, entry, options);
  };
};

/** The same as `extractTar`, for entries that were read already. */
export const extractItems = async (items: AsyncIterable<TarItem>, options: ExtractOptions): Promise<void> => {
  const finish: (() => Promise<void>)[] = [];
  for await (const item of items) {
    const later = await extractOne(item, options);
    if (later !== undefined) finish.push(later);
  }
  for (const dressDirectory of finish.toReversed()) await dressDirectory();
};

/**
 * Unpacks an archive below a directory. Each parent is resolved inside the root, so that neither links that are there
 * nor links in the archive lead out of it; directories get their times at the end. A file is in its place as a whole or
 * not at all; nothing waits for the disk.
 */
export const extractTar = (tar: AsyncIterable<Uint8Array>, options: ExtractOptions): Promise<void> =>
  extractItems(readTar(tar), options);
