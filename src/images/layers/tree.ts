import { encodeName, type TarEntry } from '#tar';
import { layerErrors } from './errors.ts';
import { keptXattrs } from './kept-xattrs.ts';
import { cleanPath, type TreePath } from './tree-path.ts';
import { createResolver, type Place, type Resolver } from './tree-resolver.ts';
import {
  newDirectory,
  ROOT_ATTRIBUTES,
  type Attributes,
  type Below,
  type BelowNode,
  type DirectoryNode,
  type Extent,
  type FileNode,
  type LayerNode,
} from './tree-types.ts';

const WHITEOUT = '.wh.';
const OPAQUE = '.wh..wh..opq';
/** Left by AUFS; they describe no content. */
const AUFS = '.wh..wh.';

const bad = (entry: TarEntry, reason: string): Error =>
  layerErrors.badContent({ reason: `${entry.path}: ${reason}` });

/** Owners the kernel can keep; the highest number means "unchanged" to it. */
const isOwner = (id: number): boolean => id >= 0 && id < 0xffff_ffff;

const attributesOf = (entry: TarEntry): Attributes => {
  const { uid, gid, mtimeNs } = entry;
  if (!isOwner(uid) || !isOwner(gid)) throw bad(entry, 'its owner is no number of a user');
  // A link's own mode means nothing, and file systems keep none.
  const mode = entry.kind === 'symlink' ? 0o777 : entry.mode;
  if (entry.xattrs.size === 0) return { mode, uid, gid, mtimeNs, xattrs: entry.xattrs };
  const kept = keptXattrs(entry.xattrs, { kind: entry.kind, mode });
  if (typeof kept === 'string') throw bad(entry, kept);
  return { uid, gid, mtimeNs, ...kept };
};

const extentsOf = (entry: TarEntry): Extent[] => {
  if (entry.sparse === undefined)
    return entry.size === 0 ? [] : [{ offset: 0, size: entry.size, position: entry.dataOffset }];
  let position = entry.dataOffset;
  return entry.sparse.map(({ offset, size }) => {
    const extent = { offset, size, position };
    position += size;
    return extent;
  });
};

/** The directories that an opaque marker names, wherever in the archive the marker stands. */
const opaquePaths = (entries: readonly TarEntry[]): ReadonlySet<string> => {
  const paths = entries
    .filter((entry) => entry.path.endsWith(OPAQUE))
    .map((entry) => cleanPath(entry.path))
    .filter((path) => path.at(-1) === OPAQUE);
  return new Set(paths.map((path) => path.slice(0, -1).join('/')));
};

interface Builder {
  readonly resolver: Resolver;
  readonly below: Below;
  readonly opaque: ReadonlySet<string>;
  /** Names under which files of the layers below stand again, because this layer links to them. */
  readonly lifted: WeakMap<DirectoryNode, Set<string>>;
}

/** Puts something of this layer itself at a place. */
const set = (builder: Builder, { parent, name }: Place, node: LayerNode): void => {
  parent.children.set(name, node);
  builder.lifted.get(parent)?.delete(name);
};

const lift = (builder: Builder, { parent, name }: Place, node: LayerNode): void => {
  parent.children.set(name, node);
  builder.lifted.set(parent, (builder.lifted.get(parent) ?? new Set()).add(name));
};

const leafOf = (entry: TarEntry): LayerNode => {
  const attributes = attributesOf(entry);
  switch (entry.kind) {
    case 'file':
      return { kind: 'file', attributes, size: entry.size, data: { kind: 'tar', extents: extentsOf(entry) } };
    case 'symlink':
      return { kind: 'symlink', attributes, target: entry.linkName };
    case 'char':
    case 'block':
    case 'fifo':
      return { kind: entry.kind, attributes, major: entry.major, minor: entry.minor };
    case 'directory':
    case 'hardlink':
  }
  throw bad(entry, 'not a leaf');
};

const check = (entry: TarEntry, name: string): void => {
  if (encodeName(name).length > 255) throw bad(entry, 'a name is longer than 255 bytes');
  if (entry.major > 0xfff || entry.minor > 0xf_ffff) throw bad(entry, 'its device number is too large');
  const { length } = encodeName(entry.linkName);
  if (entry.kind !== 'symlink') return;
  if (length === 0 || length > 4095 || entry.linkName.includes('\0'))
    throw bad(entry, 'its target is no path');
};

/** An explicit directory: new, or other attributes for one that is there. */
const putDirectory = (builder: Builder, place: Place, entry: TarEntry): void => {
  const { parent, name } = place;
  const present = parent.children.get(name);
  if (present?.kind === 'directory') {
    present.attributes = attributesOf(entry);
    present.implied = false;
    return;
  }
  const made = newDirectory(attributesOf(entry), false);
  // What replaced the lower one before hides its content as well.
  made.opaque = present !== undefined || builder.opaque.has(place.path.join('/'));
  set(builder, place, made);
};

const copyOf = (entry: TarEntry, found: BelowNode): LayerNode => {
  switch (found.kind) {
    case 'file': {
      const { attributes, size, hostPath } = found;
      return { kind: 'file', attributes, size, data: { kind: 'copy', hostPath } } satisfies FileNode;
    }
    case 'symlink':
    case 'char':
    case 'block':
    case 'fifo':
      return found;
    case 'directory':
    case 'socket':
  }
  throw bad(entry, `a hard link to a ${found.kind}`);
};

/** The inode a hard link names: of this layer, or a copy of one below that then stands for both names. */
const linkTarget = (builder: Builder, entry: TarEntry): LayerNode => {
  const target = builder.resolver.place(cleanPath(entry.linkName), entry.path);
  const own = target.parent.children.get(target.name);
  if (own?.kind === 'directory') throw bad(entry, 'a hard link to a directory');
  if (own !== undefined && own.kind !== 'whiteout') return own;
  const visible = own === undefined && builder.resolver.seesBelow(target.path);
  const found = visible ? builder.below.lookup(target.path) : undefined;
  if (found === undefined) throw bad(entry, `a hard link to ${entry.linkName}, which does not exist`);
  const copy = copyOf(entry, found);
  lift(builder, target, copy);
  // The other names it has below stay names of the same file.
  for (const path of builder.below.namesOf(target.path))
    if (builder.resolver.isUntouched(path)) lift(builder, builder.resolver.place(path, entry.path), copy);
  return copy;
};

/** Whether nothing under a name is the layer's own: it stands for what is below, or hides parts of that. */
const isVacant = (builder: Builder, parent: DirectoryNode, name: string): boolean => {
  const node = parent.children.get(name);
  if (node === undefined || node.kind === 'whiteout') return true;
  if (node.kind !== 'directory') return builder.lifted.get(parent)?.has(name) === true;
  return node.implied && [...node.children.keys()].every((child) => isVacant(builder, node, child));
};

/** Hides all that is below in a directory; what only hid parts of it goes, as overlay would list whiteouts there. */
const makeOpaque = (builder: Builder, node: DirectoryNode): void => {
  node.opaque = true;
  for (const [name, child] of node.children) {
    if (isVacant(builder, node, name)) node.children.delete(name);
    else if (child.kind === 'directory') makeOpaque(builder, child);
  }
};

/** Hides `name` in the layers below, if they have it; what this layer itself puts there stays. */
const hide = (builder: Builder, place: Place): void => {
  const { children } = place.parent;
  const present = children.get(place.name);
  if (!isVacant(builder, place.parent, place.name)) {
    if (present?.kind === 'directory') makeOpaque(builder, present);
    return;
  }
  children.delete(place.name);
  if (!builder.resolver.seesBelow(place.path)) return;
  if (builder.below.lookup(place.path) !== undefined) set(builder, place, { kind: 'whiteout' });
};

const hideAll = (builder: Builder, path: TreePath, entry: TarEntry): void => {
  if (path.length > 0) {
    const found = builder.resolver.existing(path, entry.path);
    if (found !== undefined) makeOpaque(builder, found.node);
    return;
  }
  // Overlay does not ask whether a root is opaque.
  for (const name of builder.below.names([])) {
    const root = builder.resolver.directory([], entry.path).node;
    hide(builder, { parent: root, name, path: [name] });
  }
};

const putMarker = (builder: Builder, path: TreePath, entry: TarEntry): void => {
  const marker = path.at(-1) ?? '';
  const folder = path.slice(0, -1);
  if (marker === OPAQUE) {
    hideAll(builder, folder, entry);
    return;
  }
  if (marker.startsWith(AUFS)) return;
  const name = marker.slice(WHITEOUT.length);
  if (name === '' || name === '.' || name === '..') throw bad(entry, 'a whiteout without a name');
  const found = builder.resolver.existing(folder, entry.path);
  if (found !== undefined) hide(builder, { parent: found.node, name, path: [...found.path, name] });
};

/** The kernel takes such a device for a whiteout, so it cannot be shown; what was there before is gone all the same. */
const isWhiteoutDevice = (entry: TarEntry): boolean =>
  entry.kind === 'char' && entry.major === 0 && entry.minor === 0;

const replaceByNothing = (builder: Builder, place: Place): void => {
  place.parent.children.delete(place.name);
  if (!builder.resolver.seesBelow(place.path)) return;
  if (builder.below.lookup(place.path) !== undefined) set(builder, place, { kind: 'whiteout' });
};

const put = (builder: Builder, root: DirectoryNode, entry: TarEntry): void => {
  const path = cleanPath(entry.path);
  if (path.length === 0) {
    if (entry.kind !== 'directory') throw bad(entry, 'the root must be a directory');
    root.attributes = attributesOf(entry);
    root.implied = false;
    return;
  }
  if (path.at(-1)?.startsWith(WHITEOUT) === true) {
    putMarker(builder, path, entry);
    return;
  }
  const place = builder.resolver.place(path, entry.path);
  check(entry, place.name);
  if (isWhiteoutDevice(entry)) {
    replaceByNothing(builder, place);
    return;
  }
  if (entry.kind === 'directory') putDirectory(builder, place, entry);
  else set(builder, place, entry.kind === 'hardlink' ? linkTarget(builder, entry) : leafOf(entry));
};

/**
 * What a layer looks like above `below`: the result of applying its entries one after another to the layers below, as
 * overlay must see it.
 *
 * Parents that the layer does not name take their attributes from below; entries below a link go where the link
 * points; links to files below become copies; whiteouts that hide nothing are left out. Throws `badContent` for what
 * cannot be applied. Pure apart from `below`.
 */
export const buildLayerTree = (entries: readonly TarEntry[], below: Below): DirectoryNode => {
  const root = newDirectory(ROOT_ATTRIBUTES, true);
  const opaque = opaquePaths(entries);
  const builder: Builder = {
    resolver: createResolver(root, below, opaque),
    below,
    opaque,
    lifted: new WeakMap(),
  };
  for (const entry of entries) put(builder, root, entry);
  return root;
};

/** The tree of entries that mean the same above everything; undefined where it must be found out for each stack. */
export const buildTreeAlone = (entries: readonly TarEntry[]): DirectoryNode | undefined => {
  const asked = new Error('asked');
  const ask = (): never => {
    throw asked;
  };
  try {
    return buildLayerTree(entries, { lookup: ask, names: ask, namesOf: ask });
  } catch (error) {
    if (error === asked) return undefined;
    throw error;
  }
};

/** Whether the meaning of these entries depends on the layers below. */
export const dependsOnBelow = (entries: readonly TarEntry[]): boolean =>
  buildTreeAlone(entries) === undefined;
