import type { TarSource } from '#tar';

/** A file system in memory to which layers are applied one after another: the reference for both forms. */
interface ModelDirectory {
  readonly kind: 'directory';
  mode: number;
  readonly names: Map<string, Named>;
}

type ModelNode =
  | ModelDirectory
  | { readonly kind: 'file'; readonly mode: number; readonly content: string }
  | { readonly kind: 'symlink'; readonly target: string };

interface Named {
  node: ModelNode;
  /** The layer that put it there. */
  layer: number;
}

export class ModelError extends Error {}

/** Made because something lies in it. */
const UNNAMED = 0;

const newDirectory = (mode: number): ModelDirectory => ({ kind: 'directory', mode, names: new Map() });

/** Walks to a directory, following links and making what is missing, or undefined then when `makes` is false. */
const reach = (root: ModelDirectory, path: readonly string[], makes: boolean): ModelDirectory | undefined => {
  const trail = [root];
  const pending = path.toReversed();
  for (let links = 0; pending.length > 0;) {
    const name = pending.pop() ?? '';
    const here = trail.at(-1) ?? root;
    if (name === '' || name === '.') continue;
    if (name === '..') {
      if (trail.length > 1) trail.pop();
      continue;
    }
    if (!makes && !here.names.has(name)) return undefined;
    const made: Named = here.names.get(name) ?? { node: newDirectory(0o755), layer: UNNAMED };
    here.names.set(name, made);
    if (made.node.kind === 'file' && !makes) return undefined;
    if (made.node.kind === 'file') throw new ModelError('no directory');
    if (made.node.kind === 'directory') trail.push(made.node);
    else {
      if (++links > 40) throw new ModelError('links');
      if (made.node.target.startsWith('/')) trail.splice(1);
      pending.push(...made.node.target.split('/').toReversed());
    }
  }
  return trail.at(-1) ?? root;
};

const enter = (root: ModelDirectory, path: readonly string[]): ModelDirectory =>
  reach(root, path, true) ?? root;

/** Takes out what layers below `layer` put into a directory; keeps what leads to this layer's own. */
const clear = (directory: ModelDirectory, layer: number): void => {
  for (const [name, named] of directory.names) if (!survives(named, layer)) directory.names.delete(name);
};

const survives = (named: Named, layer: number): boolean => {
  if (named.node.kind === 'directory') clear(named.node, layer);
  return named.layer === layer || (named.node.kind === 'directory' && named.node.names.size > 0);
};

const split = (path: string): readonly [folder: readonly string[], name: string] => {
  const names = path.split('/').filter(Boolean);
  return [names.slice(0, -1), names.at(-1) ?? ''];
};

const apply = (root: ModelDirectory, source: TarSource, layer: number): void => {
  const [folder, name] = split(source.path);
  if (name.startsWith('.wh.')) {
    const here = reach(root, folder, false);
    if (here === undefined) return undefined;
    if (name === '.wh..wh..opq') return clear(here, layer);
    const hidden = name.slice(4);
    const named = here.names.get(hidden);
    if (named !== undefined && !survives(named, layer)) here.names.delete(hidden);
    return undefined;
  }
  const parent = enter(root, folder);
  const present = parent.names.get(name);
  if (source.kind === 'directory') {
    if (present?.node.kind === 'directory') {
      present.node.mode = source.mode ?? 0;
      present.layer = layer;
    } else parent.names.set(name, { node: newDirectory(source.mode ?? 0), layer });
    return undefined;
  }
  if (source.kind === 'hardlink') {
    const [targetFolder, targetName] = split(source.linkName ?? '');
    const target = enter(root, targetFolder).names.get(targetName);
    if (target === undefined || target.node.kind === 'directory') throw new ModelError('no target');
    parent.names.set(name, { node: target.node, layer });
    return undefined;
  }
  const content = Buffer.from((source.content as Uint8Array | undefined) ?? []).toString();
  const node: ModelNode =
    source.kind === 'symlink'
      ? { kind: 'symlink', target: source.linkName ?? '' }
      : { kind: 'file', mode: source.mode ?? 0, content };
  parent.names.set(name, { node, layer });
  return undefined;
};

const list = (directory: ModelDirectory, path: string, first: Map<ModelNode, string>): string[] =>
  [...directory.names.keys()].sort().flatMap((name) => {
    const at = `${path}/${name}`;
    const node = directory.names.get(name)?.node;
    if (node === undefined) return [];
    if (node.kind === 'directory')
      return [`${at} directory ${node.mode.toString(8)}`, ...list(node, at, first)];
    const same = first.get(node) ?? at;
    first.set(node, same);
    if (node.kind === 'symlink') return [`${at} -> ${node.target} = ${same}`];
    return [`${at} file ${node.mode.toString(8)} ${node.content} = ${same}`];
  });

/** What is in the root after all layers; throws a ModelError when one cannot be applied. */
export const applyToModel = (layers: readonly (readonly TarSource[])[]): readonly string[] => {
  const root = newDirectory(0o755);
  for (const [index, layer] of layers.entries()) for (const source of layer) apply(root, source, index + 1);
  return list(root, '', new Map());
};
