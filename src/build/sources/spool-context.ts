import { createHash, hash } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  constants,
  createWriteStream,
  fchmodSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  rmSync,
  symlinkSync,
  writeSync,
} from 'node:fs';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { lutimesNs, mknod } from '#sys';
import { fsPath, readTar, type TarItem } from '#tar';
import { sourcesErrors } from './errors.ts';
import { createTurns } from './file-tree.ts';
import { bytesText, DEFAULT_LIMITS, type SourceLimits } from './remote-limits.ts';
import { unpackAny } from './unpack-stream.ts';

/** A context that arrived as an archive, written to a private directory. */
interface Spooled {
  /** Hex sha256 of files, by name; of very many, not all are remembered. */
  readonly digests: ReadonlyMap<string, string>;
}

interface Spool {
  readonly root: string;
  readonly limits: SourceLimits;
  /** Directories that the archive, or what lies in them, made; with their times, which are set last. */
  readonly directories: Map<string, bigint | undefined>;
  readonly digests: Map<string, string>;
  entries: number;
  bytes: number;
}

const WHOLE_BYTES = 4 << 20;
/** Digests kept in memory; of further files they are computed when they are needed. */
const MAX_DIGESTS = 250_000;
/** Beyond it no path reaches. */
const MAX_PATH_BYTES = 3500;

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

const count = (spool: Spool, item: TarItem): void => {
  const { limits } = spool;
  spool.entries += 1;
  spool.bytes += item.entry.kind === 'file' ? item.entry.size : 0;
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
const makeParents = (spool: Spool, name: string): void => {
  const missing: string[] = [];
  for (let at = parentOf(name); !spool.directories.has(at); at = parentOf(at)) missing.push(at);
  for (const parent of missing.toReversed()) {
    if (kindAt(spool, parent) !== undefined) throw sourcesErrors.unsafeContext({ path: name });
    mkdirSync(pathOf(spool, parent), { mode: 0o755 });
    spool.directories.set(parent, undefined);
  }
};

const remove = (spool: Spool, name: string): void => {
  rmSync(pathOf(spool, name), { recursive: true, force: true });
  spool.digests.delete(name);
  if (!spool.directories.delete(name)) return;
  for (const map of [spool.directories, spool.digests])
    for (const each of map.keys()) if (each.startsWith(`${name}/`)) map.delete(each);
};

const writeLarge = async (item: TarItem, path: string | Buffer): Promise<string> => {
  const digest = createHash('sha256');
  const hashed = async function* (): AsyncGenerator<Buffer> {
    for await (const chunk of item.content()) {
      digest.update(chunk);
      // The reader takes its chunk back; the file is written later.
      yield Buffer.from(chunk);
    }
  };
  await pipeline(hashed, createWriteStream(path, { flags: 'wx' }));
  chmodSync(path, item.entry.mode);
  return digest.digest('hex');
};

const writeSmall = async (item: TarItem, path: string | Buffer): Promise<string> => {
  const bytes = await item.bytes(WHOLE_BYTES);
  const fd = openSync(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
  try {
    for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at);
    fchmodSync(fd, item.entry.mode);
  } finally {
    closeSync(fd);
  }
  return hash('sha256', bytes);
};

const writeFileItem = async (spool: Spool, name: string, item: TarItem): Promise<void> => {
  const path = pathOf(spool, name);
  const { size, mtimeNs } = item.entry;
  const digest = await (size <= WHOLE_BYTES ? writeSmall : writeLarge)(item, path);
  if (spool.digests.size < MAX_DIGESTS) spool.digests.set(name, digest);
  lutimesNs(path, mtimeNs, mtimeNs);
};

const linkFile = (spool: Spool, name: string, item: TarItem): void => {
  const target = nameOf(item.entry.linkName);
  const whole = spool.directories.has(parentOf(target)) && kindAt(spool, target) === 'file';
  if (!whole) throw sourcesErrors.unsafeContext({ path: item.entry.path });
  linkSync(pathOf(spool, target), pathOf(spool, name));
  const digest = spool.digests.get(target);
  if (digest !== undefined) spool.digests.set(name, digest);
};

const makeDirectory = (spool: Spool, name: string, item: TarItem): void => {
  const kind = kindAt(spool, name);
  const path = pathOf(spool, name);
  if (kind === 'file' || kind === 'other') remove(spool, name);
  if (kind !== 'directory') mkdirSync(path, { mode: 0o755 });
  chmodSync(path, item.entry.mode);
  spool.directories.set(name, item.entry.mtimeNs);
};

const NODES = {
  fifo: constants.S_IFIFO,
  char: constants.S_IFCHR,
  block: constants.S_IFBLK,
} as const;

const makeOther = (spool: Spool, name: string, { entry }: TarItem): void => {
  const path = pathOf(spool, name);
  const { kind, mode, mtimeNs, major, minor } = entry;
  if (kind === 'symlink') symlinkSync(fsPath(entry.linkName), path);
  else if (kind === 'fifo' || kind === 'char' || kind === 'block') {
    mknod(path, NODES[kind] | 0o600, major, minor);
    chmodSync(path, mode);
  }
  lutimesNs(path, mtimeNs, mtimeNs);
};

const writeItem = async (spool: Spool, item: TarItem): Promise<void> => {
  const { entry } = item;
  count(spool, item);
  const name = nameOf(entry.path);
  if (name === '' && entry.kind !== 'directory') throw sourcesErrors.unsafeContext({ path: entry.path });
  makeParents(spool, name);
  if (entry.kind === 'directory') return makeDirectory(spool, name, item);
  if (kindAt(spool, name) !== undefined) {
    // A link to itself would be gone before it is made.
    if (entry.kind === 'hardlink' && nameOf(entry.linkName) === name) return undefined;
    remove(spool, name);
  }
  if (entry.kind === 'file') return writeFileItem(spool, name, item);
  if (entry.kind === 'hardlink') linkFile(spool, name, item);
  else makeOther(spool, name, item);
  return undefined;
};

interface SpoolRequest {
  readonly stream: Readable;
  /** An empty private directory. */
  readonly root: string;
  readonly limits?: SourceLimits | undefined;
  readonly signal: AbortSignal;
}

/**
 * Writes an archive's files below `root`. Nothing is written outside, whatever the archive says; memory stays bounded.
 *
 * @throws `SOURCES_UNSAFE_CONTEXT`, `SOURCES_TOO_LARGE`, the tar room's errors for what is no archive
 */
export const spoolContext = async ({
  stream,
  root,
  limits = DEFAULT_LIMITS,
  signal,
}: SpoolRequest): Promise<Spooled> => {
  const directories = new Map<string, bigint | undefined>([['', undefined]]);
  const spool: Spool = { root, limits, directories, digests: new Map(), entries: 0, bytes: 0 };
  const turn = createTurns();
  for await (const item of readTar(await unpackAny(stream))) {
    signal.throwIfAborted();
    await writeItem(spool, item);
    await turn();
  }
  for (const [name, timeNs] of Array.from(directories).toReversed()) {
    await turn();
    if (timeNs !== undefined) lutimesNs(pathOf(spool, name), timeNs, timeNs);
  }
  return { digests: spool.digests };
};
