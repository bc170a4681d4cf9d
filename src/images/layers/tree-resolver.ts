import { layerErrors } from './errors.ts';
import type { TreePath } from './tree-path.ts';
import {
  newDirectory,
  ROOT_ATTRIBUTES,
  type Below,
  type BelowNode,
  type DirectoryNode,
  type LayerNode,
} from './tree-types.ts';

const MAX_LINKS = 40;
const MAX_DEPTH = 2048;

/** A name in a directory of the layer; `path` is where that truly is, links resolved. */
export interface Place {
  readonly parent: DirectoryNode;
  readonly name: string;
  readonly path: TreePath;
}

/** A directory of the layer; `path` is where that truly is. */
export interface Step {
  readonly node: DirectoryNode;
  readonly path: TreePath;
}

export interface Resolver {
  /** The place of a path; its parents are made where the layer has none. The last name is not followed. */
  place(path: TreePath, entry: string): Place;
  /** The directory at a path, made where the layer has none. */
  directory(path: TreePath, entry: string): Step;
  /** The directory at a path; undefined where neither the layer nor those below have one. */
  existing(path: TreePath, entry: string): Step | undefined;
  /** Whether the layers below can be seen at a resolved path: all directories above it are merged with theirs. */
  seesBelow(path: TreePath): boolean;
  /** Whether what is below at a path without links shows, and the layer has nothing of its own there. */
  isUntouched(path: TreePath): boolean;
}

/** What is found under a name: a directory to enter, a link to follow, or nothing where nothing may be made. */
type Found =
  | { readonly kind: 'enter'; readonly node: DirectoryNode }
  | { readonly kind: 'follow'; readonly target: string }
  | { readonly kind: 'absent' };

interface Context {
  readonly root: DirectoryNode;
  readonly below: Below;
  readonly opaque: ReadonlySet<string>;
  readonly merged: WeakMap<DirectoryNode, boolean>;
  /** Whether directories that are nowhere are made. */
  readonly invents: boolean;
}

/** Whether the directory's own content is merged with the directory of the same path below. */
const isMerged = (context: Context, node: DirectoryNode, path: TreePath): boolean => {
  if (node.opaque) return false;
  if (path.length === 0) return true;
  const known = context.merged.get(node);
  if (known !== undefined) return known;
  const merged = seesBelow(context, path) && context.below.lookup(path)?.kind === 'directory';
  context.merged.set(node, merged);
  return merged;
};

const nodeAt = (root: DirectoryNode, path: TreePath): DirectoryNode | undefined => {
  let node: LayerNode | undefined = root;
  for (const name of path) node = node?.kind === 'directory' ? node.children.get(name) : undefined;
  return node?.kind === 'directory' ? node : undefined;
};

const seesBelow = (context: Context, path: TreePath): boolean => {
  const parent = path.slice(0, -1);
  const node = nodeAt(context.root, parent);
  // A directory that the layer lacks is only passed where it was found below.
  return node === undefined || isMerged(context, node, parent);
};

const notDirectory = (entry: string, path: TreePath): Error =>
  layerErrors.badContent({ reason: `${entry}: ${path.join('/')} is no directory` });

const fromBelow = (context: Context, path: TreePath): BelowNode | undefined =>
  seesBelow(context, path) ? context.below.lookup(path) : undefined;

const ABSENT = { kind: 'absent' } as const;

/** A directory the layer does not name: with the attributes it has below, or Docker's defaults where there is none. */
const imply = (context: Context, step: Step, name: string): Found | undefined => {
  const path = [...step.path, name];
  const hidden = step.node.children.has(name);
  const found = hidden ? undefined : fromBelow(context, path);
  if (found?.kind === 'symlink') return { kind: 'follow', target: found.target };
  if (found === undefined && !context.invents) return ABSENT;
  if (found !== undefined && found.kind !== 'directory') return undefined;
  const node = newDirectory(found?.attributes ?? ROOT_ATTRIBUTES, true);
  node.opaque = hidden || context.opaque.has(path.join('/'));
  step.node.children.set(name, node);
  return { kind: 'enter', node };
};

const find = (context: Context, step: Step, name: string): Found | undefined => {
  const child = step.node.children.get(name);
  if (child?.kind === 'directory') return { kind: 'enter', node: child };
  if (child?.kind === 'symlink') return { kind: 'follow', target: child.target };
  return child === undefined || child.kind === 'whiteout' ? imply(context, step, name) : undefined;
};

/** Walks down from the root, following links inside it, at most as many as the kernel would. */
const walkFar = (context: Context, names: readonly string[], entry: string): Step | undefined => {
  const trail: Step[] = [{ node: context.root, path: [] }];
  const pending = names.toReversed();
  let links = 0;
  while (pending.length > 0) {
    const name = pending.pop() ?? '';
    const step = trail.at(-1) ?? { node: context.root, path: [] };
    if (name === '' || name === '.') continue;
    if (name === '..') {
      if (trail.length > 1) trail.pop();
      continue;
    }
    const found = find(context, step, name);
    if (found?.kind === 'absent' || (found === undefined && !context.invents)) return undefined;
    if (found === undefined) throw notDirectory(entry, [...step.path, name]);
    if (found.kind === 'enter') {
      trail.push({ node: found.node, path: [...step.path, name] });
      if (trail.length > MAX_DEPTH) throw layerErrors.badContent({ reason: `${entry}: nested too deeply` });
    } else {
      if (++links > MAX_LINKS) throw layerErrors.badContent({ reason: `${entry}: too many symbolic links` });
      if (found.target.startsWith('/')) trail.splice(1);
      pending.push(...found.target.split('/').toReversed());
    }
  }
  return trail.at(-1) ?? { node: context.root, path: [] };
};

const walk = (context: Context, names: readonly string[], entry: string): Step =>
  walkFar(context, names, entry) ?? { node: context.root, path: [] };

const isUntouched = (context: Context, path: TreePath): boolean => {
  let node: DirectoryNode = context.root;
  for (const [depth, name] of path.entries()) {
    if (!isMerged(context, node, path.slice(0, depth))) return false;
    const child = node.children.get(name);
    if (child === undefined) return true;
    if (child.kind !== 'directory') return false;
    node = child;
  }
  return false;
};

/** Finds places in a layer's tree above `below`. `opaque`: paths of directories that hide what is below. */
export const createResolver = (root: DirectoryNode, below: Below, opaque: ReadonlySet<string>): Resolver => {
  const context: Context = { root, below, opaque, merged: new WeakMap(), invents: true };
  return {
    place(path, entry) {
      const name = path.at(-1);
      if (name === undefined)
        throw layerErrors.badContent({ reason: `${entry}: the root cannot be replaced` });
      const { node, path: folder } = walk(context, path.slice(0, -1), entry);
      return { parent: node, name, path: [...folder, name] };
    },
    directory: (path, entry) => walk(context, path, entry),
    existing: (path, entry) => walkFar({ ...context, invents: false }, path, entry),
    seesBelow: (path) => seesBelow(context, path),
    isUntouched: (path) => isUntouched(context, path),
  };
};
