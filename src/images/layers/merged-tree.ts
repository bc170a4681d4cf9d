import type { Attributes, Below, BelowNode, DirectoryNode, Extent, LayerNode } from './tree-types.ts';

/** Bytes of a file in one layer's tar. */
export interface TarContent {
  /** Number of the layer among those that are looked at. */
  readonly layer: number;
  readonly extents: readonly Extent[];
}

export interface MergedDirectory {
  readonly kind: 'directory';
  readonly attributes: Attributes;
  readonly children: ReadonlyMap<string, MergedNode>;
}

export type MergedLeaf =
  | {
      readonly kind: 'file';
      readonly attributes: Attributes;
      readonly size: number;
      readonly content: TarContent;
    }
  | { readonly kind: 'symlink'; readonly attributes: Attributes; readonly target: string }
  | {
      readonly kind: 'char' | 'block' | 'fifo';
      readonly attributes: Attributes;
      readonly major: number;
      readonly minor: number;
    };

/** What layers give together. Never changes: what a layer leaves alone is the same object above it as below. */
export type MergedNode = MergedDirectory | MergedLeaf;

/** Finds the content of a file by the name that it was given for layers above. */
export interface Contents {
  readonly byName: Map<string, TarContent>;
}

const nodeAt = (root: MergedDirectory, path: readonly string[]): MergedNode | undefined => {
  let node: MergedNode | undefined = root;
  for (const name of path) node = node?.kind === 'directory' ? node.children.get(name) : undefined;
  return node;
};

const nameOf = (content: TarContent, size: number): string =>
  `${content.layer}:${content.extents[0]?.position ?? -1}:${size}`;

/** What a layer sees below itself; files go by a name under which `contents` finds their bytes. */
export const belowOf = (root: MergedDirectory, contents: Contents): Below => ({
  lookup(path): BelowNode | undefined {
    const node = nodeAt(root, path);
    if (node?.kind !== 'file') return node;
    const { attributes, size, content } = node;
    const hostPath = nameOf(content, size);
    contents.byName.set(hostPath, content);
    return { kind: 'file', attributes, size, hostPath };
  },
  names(path) {
    const node = nodeAt(root, path);
    return node?.kind === 'directory' ? [...node.children.keys()] : [];
  },
  // Copies of one file are equal without it, and that is all that is asked here.
  namesOf: () => [],
});

interface Merge {
  readonly layer: number;
  readonly contents: Contents;
}

const leafOf = (
  node: Exclude<LayerNode, { readonly kind: 'directory' | 'whiteout' }>,
  { layer, contents }: Merge,
): MergedLeaf => {
  if (node.kind !== 'file') return node;
  const { kind, attributes, size, data } = node;
  const copied = data.kind === 'copy' ? contents.byName.get(String(data.hostPath)) : undefined;
  const own = { layer, extents: data.kind === 'tar' ? data.extents : [] };
  return { kind, attributes, size, content: copied ?? own };
};

/** Puts a layer's tree above what the layers below give, as overlay does. */
export const mergeLayer = (
  below: MergedDirectory | undefined,
  node: DirectoryNode,
  merge: Merge,
): MergedDirectory => {
  const lower = node.opaque ? undefined : below;
  const children = new Map(lower?.children);
  for (const [name, child] of node.children) {
    if (child.kind === 'whiteout') children.delete(name);
    else if (child.kind === 'directory') {
      const present = children.get(name);
      children.set(name, mergeLayer(present?.kind === 'directory' ? present : undefined, child, merge));
    } else children.set(name, leafOf(child, merge));
  }
  return { kind: 'directory', attributes: (node.implied && below?.attributes) || node.attributes, children };
};
