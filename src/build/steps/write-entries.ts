import { hash, createHash } from 'node:crypto';
import { closeSync, constants, createReadStream, fstatSync, readFileSync } from 'node:fs';
import type { EntrySource, LayerWriter } from '#layers';
import { openInRoot } from '#sys';
import { fsPath } from '#tar';
import { sourcesErrors, createTurns, type FileTree, type SelectedEntry } from '#sources';
import { kindOf, type PlacedEntry } from './layout.ts';

export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

export interface WriteRequest {
  readonly tree: FileTree;
  readonly entries: readonly PlacedEntry[];
  /** Of everything copied; undefined leaves the tree's owners (or root's). */
  readonly owner: Owner | undefined;
  /** Later modification times become this one. */
  readonly clampToNs: bigint | undefined;
  readonly signal: AbortSignal;
}

const ROOT: Owner = { uid: 0, gid: 0 };
/** Files up to here are read whole, so that nothing is written of one that changed. */
const WHOLE_BYTES = 1n << 20n;

const changed = (name: string, cause?: unknown) => sourcesErrors.contextChanged({ path: name }, cause);

/** Opens a file of the tree without following any link. @throws `SOURCES_CONTEXT_CHANGED` */
export const openFile = (tree: FileTree, name: string): number => {
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  try {
    return openInRoot(tree.root, fsPath(name), { flags, noSymlinks: true });
  } catch (error) {
    throw changed(name, error);
  }
};

/** Passes a file on and refuses the last piece when the content is not what the key was made of. */
async function* verified(fd: number, entry: SelectedEntry, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const digest = createHash('sha256');
  const stream = createReadStream('', { fd, autoClose: false, highWaterMark: 1 << 18, signal });
  let held: Uint8Array | undefined;
  let size = 0n;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    digest.update(chunk);
    size += BigInt(chunk.length);
    if (size > entry.stats.size) throw changed(entry.name);
    if (held !== undefined) yield held;
    held = chunk;
  }
  if (size !== entry.stats.size || digest.digest('hex') !== entry.digest) throw changed(entry.name);
  if (held !== undefined) yield held;
}

const wholeFile = (fd: number, entry: SelectedEntry): EntrySource => {
  const bytes = readFileSync(fd);
  if (hash('sha256', bytes) !== entry.digest) throw changed(entry.name);
  return { kind: 'bytes', bytes };
};

const withFile = async (
  request: Pick<WriteRequest, 'tree' | 'signal'>,
  entry: SelectedEntry,
  use: (source: EntrySource) => Promise<void>,
): Promise<void> => {
  const fd = openFile(request.tree, entry.name);
  try {
    if (!fstatSync(fd).isFile()) throw changed(entry.name);
    const { size } = entry.stats;
    const source: EntrySource =
      size <= WHOLE_BYTES
        ? wholeFile(fd, entry)
        : { kind: 'stream', stream: verified(fd, entry, request.signal), size: Number(size) };
    await use(source);
  } finally {
    closeSync(fd);
  }
};

const ownerOf = (request: WriteRequest, entry: SelectedEntry): Owner => {
  if (request.owner !== undefined) return request.owner;
  if (!request.tree.keepsOwners) return ROOT;
  return { uid: Number(entry.stats.uid), gid: Number(entry.stats.gid) };
};

const clamp = (request: WriteRequest, timeNs: bigint): bigint =>
  request.clampToNs !== undefined && timeNs > request.clampToNs ? request.clampToNs : timeNs;

const MINOR_LOW = 0xffn;

const deviceOf = (rdev: bigint): { readonly major: number; readonly minor: number } => ({
  major: Number(((rdev >> 8n) & 0xfffn) | ((rdev >> 32n) & 0xffff_f000n)),
  minor: Number((rdev & MINOR_LOW) | ((rdev >> 12n) & 0xffff_ff00n)),
});

/** Where the first name of a file with several went, by `PlacedEntry.shared`. */
type FirstNames = Map<string, string>;

const writeSelected = async (
  request: WriteRequest,
  writer: LayerWriter,
  placed: PlacedEntry & { readonly kind: 'selected' },
  firstNames: FirstNames,
): Promise<void> => {
  const { entry, path, shared } = placed;
  const first = shared === undefined ? undefined : firstNames.get(shared);
  if (shared !== undefined && first === undefined) firstNames.set(shared, path);
  const kind = first === undefined ? kindOf(entry.stats) : 'hardlink';
  const header = {
    path,
    kind,
    mode: entry.mode,
    ...ownerOf(request, entry),
    mtimeNs: clamp(request, entry.stats.mtimeNs),
    xattrs: entry.xattrs,
  };
  const origin = { tree: placed.tree ?? request.tree, signal: request.signal };
  const { digest, linkName } = entry;
  if (first === undefined && (await writer.reuse({ ...header, digest, linkName }))) return;
  if (kind === 'file') await withFile(origin, entry, (source) => writer.add({ ...header, source, digest }));
  else if (kind === 'symlink') await writer.add({ ...header, linkName });
  else if (kind === 'hardlink') await writer.add({ ...header, linkName: first, xattrs: undefined });
  else if (kind === 'char' || kind === 'block')
    await writer.add({ ...header, ...deviceOf(entry.stats.rdev) });
  else await writer.add(header);
};

const writeOne = async (
  request: WriteRequest,
  writer: LayerWriter,
  placed: PlacedEntry,
  firstNames: FirstNames,
): Promise<void> => {
  const created = request.owner ?? ROOT;
  if (placed.kind === 'selected') return writeSelected(request, writer, placed, firstNames);
  if (placed.kind === 'text') {
    const source = { kind: 'bytes', bytes: placed.content } as const;
    const { path, mode } = placed;
    return writer.add({ path, kind: 'file', mode, ...created, mtimeNs: request.clampToNs ?? 0n, source });
  }
  const { path, mode, owner, mtimeNs, xattrs } = placed;
  const own = owner === 'new' ? created : owner;
  const time = mtimeNs === undefined ? (request.clampToNs ?? 0n) : clamp(request, mtimeNs);
  return writer.add({ path, kind: 'directory', mode, ...own, mtimeNs: time, xattrs });
};

/** Writes entries in their order; a file that is no longer what it was when the key was made is refused. */
export const writeEntries = async (request: WriteRequest, writer: LayerWriter): Promise<void> => {
  const turn = createTurns();
  const firstNames: FirstNames = new Map();
  for (const placed of request.entries) {
    request.signal.throwIfAborted();
    await turn();
    await writeOne(request, writer, placed, firstNames);
  }
};
