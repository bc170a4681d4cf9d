import { sourcesErrors } from './errors.ts';
import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { chmod, link, lutimes, mkdir, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { fsPath, readTar, type TarItem } from '#tar';
import { unpackAny } from './unpack-stream.ts';

/** A context that arrived as an archive, written to a private directory. */
interface Spooled {
  /** Hex sha256 of every file, by name. */
  readonly digests: ReadonlyMap<string, string>;
}

interface Spool {
  readonly root: string;
  readonly kinds: Map<string, 'directory' | 'file' | 'other'>;
  readonly digests: Map<string, string>;
  /** Times of directories, set last because filling them changes them. */
  readonly directoryTimes: Map<string, bigint>;
}

const WHOLE_BYTES = 4 << 20;
const NS_PER_SECOND = 1e9;

const nameOf = (path: string): string => {
  const parts = path.split('/').filter((part) => part !== '' && part !== '.');
  if (path.startsWith('/') || parts.includes('..')) throw sourcesErrors.unsafeContext({ path });
  return parts.join('/');
};

/** Makes the directories above an entry; none of them may be a link that the archive brought. */
const makeParents = async (spool: Spool, name: string): Promise<void> => {
  const parts = name.split('/').slice(0, -1);
  for (let depth = 1; depth <= parts.length; depth += 1) {
    const parent = parts.slice(0, depth).join('/');
    const kind = spool.kinds.get(parent);
    if (kind !== undefined && kind !== 'directory') throw sourcesErrors.unsafeContext({ path: name });
    if (kind === undefined) await mkdir(fsPath(`${spool.root}/${parent}`), { mode: 0o755 });
    spool.kinds.set(parent, 'directory');
  }
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
  await pipeline(hashed, createWriteStream(path));
  return digest.digest('hex');
};

const writeSmall = async (item: TarItem, path: string | Buffer): Promise<string> => {
  const bytes = await item.bytes(WHOLE_BYTES);
  await writeFile(path, bytes);
  return createHash('sha256').update(bytes).digest('hex');
};

const writeFileItem = async (spool: Spool, name: string, item: TarItem): Promise<void> => {
  const path = fsPath(`${spool.root}/${name}`);
  const { entry } = item;
  const write = entry.size <= WHOLE_BYTES ? writeSmall : writeLarge;
  spool.digests.set(name, await write(item, path));
  await chmod(path, entry.mode);
  const seconds = Number(entry.mtimeNs) / NS_PER_SECOND;
  await utimes(path, seconds, seconds);
  spool.kinds.set(name, 'file');
};

const linkFile = async (spool: Spool, name: string, item: TarItem): Promise<void> => {
  const target = nameOf(item.entry.linkName);
  const digest = spool.digests.get(target);
  if (digest === undefined) throw sourcesErrors.unsafeContext({ path: item.entry.path });
  await link(fsPath(`${spool.root}/${target}`), fsPath(`${spool.root}/${name}`));
  spool.digests.set(name, digest);
  spool.kinds.set(name, 'file');
};

const writeItem = async (spool: Spool, item: TarItem): Promise<void> => {
  const { entry } = item;
  const name = nameOf(entry.path);
  const path = fsPath(`${spool.root}/${name}`);
  await makeParents(spool, name);
  const before = name === '' ? 'directory' : spool.kinds.get(name);
  if (name === '' && entry.kind !== 'directory') throw sourcesErrors.unsafeContext({ path: entry.path });
  if (entry.kind === 'directory') {
    if (before === 'file' || before === 'other') await rm(path, { force: true });
    if (before !== 'directory') await mkdir(path, { mode: 0o755 });
    await chmod(path, entry.mode);
    spool.directoryTimes.set(name, entry.mtimeNs);
    spool.kinds.set(name, 'directory');
    return;
  }
  if (before !== undefined) await rm(path, { recursive: true, force: true });
  if (entry.kind === 'file') await writeFileItem(spool, name, item);
  else if (entry.kind === 'hardlink') await linkFile(spool, name, item);
  else if (entry.kind === 'symlink') {
    await symlink(fsPath(entry.linkName), path);
    const seconds = Number(entry.mtimeNs) / NS_PER_SECOND;
    await lutimes(path, seconds, seconds);
    spool.kinds.set(name, 'other');
  }
};

interface SpoolRequest {
  readonly stream: Readable;
  /** An empty private directory. */
  readonly root: string;
  readonly signal: AbortSignal;
}

/**
 * Writes an archive's files below `root`. Nothing is written outside, whatever the archive says.
 *
 * @throws `SOURCES_UNSAFE_CONTEXT`, the tar room's errors for what is no archive
 */
export const spoolContext = async ({ stream, root, signal }: SpoolRequest): Promise<Spooled> => {
  const spool: Spool = { root, kinds: new Map(), digests: new Map(), directoryTimes: new Map() };
  for await (const item of readTar(await unpackAny(stream))) {
    signal.throwIfAborted();
    await writeItem(spool, item);
  }
  for (const [name, timeNs] of Array.from(spool.directoryTimes).toReversed()) {
    // A later entry of the archive may have taken its place.
    if (spool.kinds.get(name) !== 'directory') continue;
    const seconds = Number(timeNs) / NS_PER_SECOND;
    await lutimes(fsPath(`${root}/${name}`), seconds, seconds);
  }
  return { digests: spool.digests };
};
