import { constants, type BigIntStats } from 'node:fs';
import { lstat, open, readdir, readlink } from 'node:fs/promises';
import { lgetXattr, llistXattr } from '#sys';
import { compareNames, decodeName, fsPath, type TarKind, type TarSource } from '#tar';

const CHUNK_BYTES = 256 * 1024;
const READ = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

const kindOf = (stat: BigIntStats): TarKind | undefined => {
  if (stat.isFile()) return 'file';
  if (stat.isDirectory()) return 'directory';
  if (stat.isSymbolicLink()) return 'symlink';
  if (stat.isCharacterDevice()) return 'char';
  if (stat.isBlockDevice()) return 'block';
  return stat.isFIFO() ? 'fifo' : undefined;
};

/** Exactly `size` bytes, whatever happens to the file meanwhile. */
async function* contentOf(path: string | Buffer, size: number): AsyncGenerator<Buffer> {
  await using file = await open(path, READ);
  let left = size;
  while (left > 0) {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(Math.min(CHUNK_BYTES, left)), 0);
    const chunk = bytesRead === 0 ? Buffer.alloc(Math.min(CHUNK_BYTES, left)) : buffer.subarray(0, bytesRead);
    left -= chunk.length;
    yield chunk;
  }
}

/** Attributes that a copy should keep: capabilities and what users set. */
const attributesOf = (path: string | Buffer): ReadonlyMap<string, Buffer> => {
  if (typeof path !== 'string') return new Map();
  const names = llistXattr(path).filter((name) => name === 'security.capability' || name.startsWith('user.'));
  return new Map(
    names.flatMap((name) => {
      const value = lgetXattr(path, name);
      return value === undefined ? [] : [[name, value] as const];
    }),
  );
};

const deviceNumbers = (rdev: bigint): { readonly major: number; readonly minor: number } => ({
  major: Number((rdev >> 8n) & 0xfffn),
  minor: Number((rdev & 0xffn) | ((rdev >> 12n) & 0xfff00n)),
});

interface Walk {
  /** First name of each file with several links. */
  readonly links: Map<string, string>;
}

const headerOf = (name: string, kind: TarKind, stat: BigIntStats): TarSource => ({
  path: name,
  kind,
  mode: Number(stat.mode & 0o7777n),
  uid: Number(stat.uid),
  gid: Number(stat.gid),
  mtimeNs: stat.mtimeNs,
  ...(kind === 'char' || kind === 'block' ? deviceNumbers(stat.rdev) : {}),
});

const linkedName = (walk: Walk, name: string, stat: BigIntStats): string | undefined => {
  if (stat.nlink < 2n || stat.isDirectory()) return undefined;
  const key = `${stat.dev}:${stat.ino}`;
  const first = walk.links.get(key);
  if (first === undefined) walk.links.set(key, name);
  return first;
};

async function* walkDirectory(walk: Walk, path: string | Buffer, name: string): AsyncGenerator<TarSource> {
  await using directory = await open(path, READ | constants.O_DIRECTORY);
  const at = `/proc/self/fd/${directory.fd}`;
  const names = (await readdir(at, { encoding: 'buffer' })).map(decodeName).toSorted(compareNames);
  for (const entry of names) {
    yield* treeEntries(fsPath(`${at}/${entry}`), name === '' ? entry : `${name}/${entry}`, walk);
  }
}

/**
 * The entry at `path`, called `name` in the archive, and all below it, names sorted. Symbolic links are never followed:
 * each directory is opened, and reached by its descriptor. With the name '' only what is below comes.
 */
export async function* treeEntries(
  path: string | Buffer,
  name: string,
  walk: Walk = { links: new Map() },
): AsyncGenerator<TarSource> {
  const stat = await lstat(path, { bigint: true });
  const kind = kindOf(stat);
  if (kind === undefined) return;
  if (name !== '') {
    const linkName = linkedName(walk, name, stat);
    const header = { ...headerOf(name, linkName === undefined ? kind : 'hardlink', stat) };
    if (linkName !== undefined) yield { ...header, linkName };
    else if (kind === 'file') {
      const size = Number(stat.size);
      yield { ...header, size, xattrs: attributesOf(path), content: contentOf(path, size) };
    } else if (kind === 'symlink') {
      yield { ...header, linkName: decodeName(await readlink(path, { encoding: 'buffer' })) };
    } else yield { ...header, xattrs: kind === 'directory' ? attributesOf(path) : undefined };
  }
  if (kind === 'directory') yield* walkDirectory(walk, path, name);
}
