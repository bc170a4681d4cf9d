import { chmodSync, constants, linkSync, lstatSync, mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { errnoOf, lutimesNs, mknod } from '#sys';
import { createTarParser, fsPath, type TarEntry } from '#tar';
import { sourcesErrors } from './errors.ts';
import { createInodeDigests, type InodeDigests, type InodeDigestsWriter } from './inode-digests.ts';
import { bytesText, type SourceLimits } from './remote-limits.ts';
import { createSpoolFile, type SpoolFile } from './spool-file.ts';

interface Spool {
  readonly root: string;
  readonly limits: SourceLimits;
  /** Directories that the archive, or what lies in them, made; with their times, which are set last. */
  readonly directories: Map<string, bigint | undefined>;
  readonly digests: InodeDigestsWriter;
  /** The file whose content arrives. */
  file: SpoolFile | undefined;
  entries: number;
  bytes: number;
  /** Of the names of directories, which are kept in memory. */
  nameBytes: number;
}

/** Beyond it no path reaches. */
const MAX_PATH_BYTES = 3500;
const MAX_NAME_BYTES = 512 << 20;

const WHAT = 'the context archive';

const nameOf = (path: string): string => {
  const parts = path.split('/').filter((part) => part !== '' && part !== '.');
  if (path.startsWith('/') || parts.includes('..')) throw sourcesErrors.unsafeContext({ path });
  const name = parts.join('/');
  if (Buffer.byteLength(name) > MAX_PATH_BYTES)
    throw sourcesErrors.tooLarge({
      what: `the path ${name.slice(0, 60)}…`,
      limit: `${MAX_PATH_BYTES} bytes`,
    });
  return name;
};

const count = (spool: Spool, entry: TarEntry): void => {
  const { limits } = spool;
  spool.entries += 1;
  spool.bytes += entry.kind === 'file' ? entry.size : 0;
  if (spool.entries > limits.treeEntries)
    throw sourcesErrors.tooLarge({ what: WHAT, limit: `${limits.treeEntries} files` });
  if (spool.bytes > limits.treeBytes)
    throw sourcesErrors.tooLarge({ what: `what ${WHAT} holds`, limit: bytesText(limits.treeBytes) });
};

const pathOf = (spool: Spool, name: string): string | Buffer => fsPath(`${spool.root}/${name}`);

const kindAt = (spool: Spool, name: string): 'directory' | 'file' | 'other' | undefined => {
  if (spool.directories.has(name)) return 'directory';
  const stats = lstatSync(pathOf(spool, name), { throwIfNoEntry: false });
  if (stats === undefined) return undefined;
  return stats.isFile() ? 'file' : 'other';
};

const parentOf = (name: string): string => name.slice(0, Math.max(0, name.lastIndexOf('/')));

/**
 * Makes the directories above an entry; none of them may be a link that the archive brought. A directory that is known
 * stands on known ones: what is removed is forgotten with all below it.
 */
const keepDirectory = (spool: Spool, name: string, timeNs: bigint | undefined): void => {
  spool.nameBytes += spool.directories.has(name) ? 0 : name.length;
  if (spool.nameBytes > MAX_NAME_BYTES)
    throw sourcesErrors.tooLarge({
      what: `what ${WHAT} names directories`,
      limit: bytesText(MAX_NAME_BYTES),
    });
  spool.directories.set(name, timeNs);
};

/**
 * Makes the directories above an entry; none of them may be a link that the archive brought. A directory that is known
 * stands on known ones: what is removed is forgotten with all below it.
 */
const makeParents = (spool: Spool, name: string): void => {
  const missing: string[] = [];
  for (let at = parentOf(name); !spool.directories.has(at); at = parentOf(at)) missing.push(at);
  for (const parent of missing.toReversed()) {
    if (kindAt(spool, parent) !== undefined) throw sourcesErrors.unsafeContext({ path: name });
    mkdirSync(pathOf(spool, parent), { mode: 0o755 });
    keepDirectory(spool, parent, undefined);
  }
};

const remove = (spool: Spool, name: string): void => {
  rmSync(pathOf(spool, name), { recursive: true, force: true });
  if (!spool.directories.delete(name)) return;
  for (const each of spool.directories.keys())
    if (each.startsWith(`${name}/`)) spool.directories.delete(each);
};

const makeFile = (spool: Spool, name: string, entry: TarEntry): void => {
  spool.file = createSpoolFile(pathOf(spool, name), entry, spool.digests);
  if (entry.storedSize === 0) takeContent(spool, Buffer.alloc(0));
};

const takeContent = (spool: Spool, chunk: Buffer): void => {
  if (spool.file?.take(chunk) === true) closeFile(spool);
};

const closeFile = (spool: Spool): void => {
  spool.file?.[Symbol.dispose]();
  spool.file = undefined;
};

const linkFile = (spool: Spool, name: string, entry: TarEntry): void => {
  const target = nameOf(entry.linkName);
  const whole = spool.directories.has(parentOf(target)) && kindAt(spool, target) === 'file';
  if (!whole) throw sourcesErrors.unsafeContext({ path: entry.path });
  linkSync(pathOf(spool, target), pathOf(spool, name));
};

const makeDirectory = (spool: Spool, name: string, entry: TarEntry): void => {
  const kind = kindAt(spool, name);
  const path = pathOf(spool, name);
  if (kind === 'file' || kind === 'other') remove(spool, name);
  if (kind !== 'directory') mkdirSync(path, { mode: 0o755 });
  chmodSync(path, entry.mode);
  keepDirectory(spool, name, entry.mtimeNs);
};

const NODES = {
  fifo: constants.S_IFIFO,
  char: constants.S_IFCHR,
  block: constants.S_IFBLK,
} as const;

const makeOther = (spool: Spool, name: string, entry: TarEntry): void => {
  const path = pathOf(spool, name);
  const { kind, mode, mtimeNs, major, minor } = entry;
  if (kind === 'symlink') symlinkSync(fsPath(entry.linkName), path);
  else if (kind === 'fifo' || kind === 'char' || kind === 'block') {
    mknod(path, NODES[kind] | 0o600, major, minor);
    chmodSync(path, mode);
  }
  lutimesNs(path, mtimeNs, mtimeNs);
};

/** Each of these fails with EEXIST, and changes nothing, where something has the name. */
const make = (spool: Spool, name: string, entry: TarEntry): void => {
  if (entry.kind === 'file') makeFile(spool, name, entry);
  else if (entry.kind === 'hardlink') linkFile(spool, name, entry);
  else makeOther(spool, name, entry);
};

const takeEntry = (spool: Spool, entry: TarEntry): void => {
  count(spool, entry);
  const name = nameOf(entry.path);
  if (name === '' && entry.kind !== 'directory') throw sourcesErrors.unsafeContext({ path: entry.path });
  makeParents(spool, name);
  if (entry.kind === 'directory') return makeDirectory(spool, name, entry);
  // A link to itself would be gone before it is made.
  if (entry.kind === 'hardlink' && nameOf(entry.linkName) === name && kindAt(spool, name) !== undefined)
    return undefined;
  try {
    make(spool, name, entry);
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error;
    remove(spool, name);
    make(spool, name, entry);
  }
  return undefined;
};

/** Writes the files of an archive below a directory. */
export interface Spooler extends Disposable {
  feed(chunk: Uint8Array): void;
  /** Ends the archive and gives the directories their times. */
  end(): InodeDigests;
}

export const createSpooler = (root: string, limits: SourceLimits): Spooler => {
  const spool: Spool = {
    root,
    limits,
    directories: new Map([['', undefined]]),
    digests: createInodeDigests(),
    file: undefined,
    entries: 0,
    bytes: 0,
    nameBytes: 0,
  };
  const parser = createTarParser({
    onEntry: (entry) => takeEntry(spool, entry),
    onData: (chunk) => takeContent(spool, chunk),
  });
  return {
    feed: (chunk) => parser.feed(chunk),
    end() {
      parser.end();
      for (const [name, timeNs] of Array.from(spool.directories).toReversed())
        if (timeNs !== undefined) lutimesNs(pathOf(spool, name), timeNs, timeNs);
      return spool.digests.table;
    },
    [Symbol.dispose]: () => closeFile(spool),
  };
};
