import { createHash } from 'node:crypto';
import { posix } from 'node:path';
import { readTar, unpackedBytes, type TarEntry, type TarKind } from '#tar';

/** A file of an image. Hard links of one file share one node. */
export interface TreeNode {
  readonly kind: Exclude<TarKind, 'hardlink'>;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  /** sha256 of the content of a file. */
  readonly content: string | undefined;
  readonly linkName: string;
  readonly device: string;
  readonly xattrs: string;
  /** Undefined for a directory that no layer names. */
  readonly mtimeNs: bigint | undefined;
}

/** Absolute path to node, as the layers make it when they are applied one after another. */
export type ImageTree = ReadonlyMap<string, TreeNode>;

type Layer = readonly { readonly entry: TarEntry; readonly content: string | undefined }[];

const xattrsText = (xattrs: ReadonlyMap<string, Buffer>): string =>
  [...xattrs]
    .map(([name, value]) => `${name}=${value.toString('hex')}`)
    .toSorted()
    .join(' ');

const nodeOf = (entry: TarEntry, content: string | undefined): TreeNode => ({
  kind: entry.kind === 'hardlink' ? 'file' : entry.kind,
  mode: entry.mode,
  uid: entry.uid,
  gid: entry.gid,
  size: entry.size,
  content,
  linkName: entry.linkName,
  device: entry.kind === 'char' || entry.kind === 'block' ? `${entry.major}:${entry.minor}` : '',
  xattrs: xattrsText(entry.xattrs),
  mtimeNs: entry.mtimeNs,
});

const IMPLIED: TreeNode = {
  kind: 'directory',
  mode: 0o755,
  uid: 0,
  gid: 0,
  size: 0,
  content: undefined,
  linkName: '',
  device: '',
  xattrs: '',
  mtimeNs: undefined,
};

/** Reads a layer, packed in any way, with the digests of its files. */
export const readLayer = async (chunks: AsyncIterable<Uint8Array>): Promise<Layer> => {
  const layer: { entry: TarEntry; content: string | undefined }[] = [];
  for await (const item of readTar(await unpackedBytes(chunks))) {
    let content: string | undefined;
    if (item.entry.kind === 'file') {
      const hash = createHash('sha256');
      for await (const chunk of item.content()) hash.update(chunk);
      content = hash.digest('hex');
    }
    layer.push({ entry: item.entry, content });
  }
  return layer;
};

const clean = (name: string): string => posix.resolve('/', name);
const MOST_LINKS = 40;

/** Applies layers, lowest first, as the image specification says; symbolic links in parents are followed. */
const createTreeBuilder = () => {
  const nodes = new Map<string, TreeNode>([['/', IMPLIED]]);

  const follow = (path: string, depth = 0): string => {
    if (path === '/' || depth > MOST_LINKS) return path;
    const at = posix.join(follow(posix.dirname(path), depth), posix.basename(path));
    const node = nodes.get(at);
    if (node?.kind !== 'symlink') return at;
    return follow(posix.resolve(posix.dirname(at), node.linkName), depth + 1);
  };

  const placeOf = (name: string): string => {
    const path = clean(name);
    return path === '/' ? path : posix.join(follow(posix.dirname(path)), posix.basename(path));
  };

  const removeBelow = (path: string, keep: ReadonlySet<string>): void => {
    const prefix = path === '/' ? '/' : `${path}/`;
    for (const at of nodes.keys()) if (at !== '/' && at.startsWith(prefix) && !keep.has(at)) nodes.delete(at);
  };

  const makeParents = (path: string): void => {
    const parent = posix.dirname(path);
    if (parent === path) return;
    makeParents(parent);
    if (nodes.get(parent)?.kind !== 'directory') nodes.set(parent, IMPLIED);
  };

  const put = (path: string, node: TreeNode): void => {
    makeParents(path);
    if (node.kind !== 'directory') removeBelow(path, new Set());
    nodes.set(path, node);
  };

  const applyLayer = (layer: Layer): void => {
    const own = new Set<string>();
    for (const { entry, content } of layer) {
      const path = placeOf(entry.path);
      const name = posix.basename(path);
      const parent = posix.dirname(path);
      if (name === '.wh..wh..opq') removeBelow(parent, own);
      else if (name.startsWith('.wh.')) {
        const hidden = posix.join(parent, name.slice('.wh.'.length));
        removeBelow(hidden, new Set());
        nodes.delete(hidden);
      } else {
        const linked = entry.kind === 'hardlink' ? nodes.get(placeOf(entry.linkName)) : undefined;
        if (entry.kind === 'hardlink' && linked === undefined)
          throw new Error(`${entry.path} is a hard link to ${entry.linkName}, which is not there`);
        put(path, linked ?? nodeOf(entry, content));
        for (let at = path; at !== '/'; at = posix.dirname(at)) own.add(at);
      }
    }
  };
  return { nodes, applyLayer };
};

export const buildTree = (layers: readonly Layer[]): ImageTree => {
  const { nodes, applyLayer } = createTreeBuilder();
  for (const layer of layers) applyLayer(layer);
  return nodes;
};

/** The paths of each file that has more than one, as one text for each of them. */
export const linkGroups = (tree: ImageTree): ReadonlyMap<string, string> => {
  const paths = Map.groupBy(
    [...tree].filter(([, { kind }]) => kind !== 'directory'),
    ([, node]) => node,
  );
  const groups = new Map<string, string>();
  for (const same of paths.values()) {
    if (same.length < 2) continue;
    const names = same.map(([path]) => path).toSorted();
    for (const name of names) groups.set(name, names.join(' '));
  }
  return groups;
};
