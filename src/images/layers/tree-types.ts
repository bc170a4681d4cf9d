/** What a file has whatever its kind. */
export interface Attributes {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtimeNs: bigint;
  readonly xattrs: ReadonlyMap<string, Buffer>;
}

/** A run of a file's bytes in the layer's tar. */
export interface Extent {
  /** First byte within the file. */
  readonly offset: number;
  readonly size: number;
  /** First byte within the tar. */
  readonly position: number;
}

export type FileData =
  | { readonly kind: 'tar'; readonly extents: readonly Extent[] }
  /** Copied from a file of the layers below, because the layer links to it. */
  | { readonly kind: 'copy'; readonly hostPath: string | Buffer };

export interface DirectoryNode {
  readonly kind: 'directory';
  attributes: Attributes;
  readonly children: Map<string, LayerNode>;
  /** Hides what the layers below have in it. */
  opaque: boolean;
  /** Not named by the layer itself: its attributes come from below. */
  implied: boolean;
}

export interface FileNode {
  readonly kind: 'file';
  readonly attributes: Attributes;
  readonly size: number;
  readonly data: FileData;
}

export interface SymlinkNode {
  readonly kind: 'symlink';
  readonly attributes: Attributes;
  readonly target: string;
}

export interface SpecialNode {
  readonly kind: 'char' | 'block' | 'fifo';
  readonly attributes: Attributes;
  readonly major: number;
  readonly minor: number;
}

/** Hides a name of the layers below. */
export interface WhiteoutNode {
  readonly kind: 'whiteout';
}

/** One inode; hard links are one object under several names. */
export type LeafNode = FileNode | SymlinkNode | SpecialNode | WhiteoutNode;
export type LayerNode = DirectoryNode | LeafNode;

/** What the layers below have at a path, seen without following a link at its end. */
export type BelowNode =
  | { readonly kind: 'directory'; readonly attributes: Attributes }
  | {
      readonly kind: 'file';
      readonly attributes: Attributes;
      readonly size: number;
      readonly hostPath: string | Buffer;
    }
  | { readonly kind: 'symlink'; readonly attributes: Attributes; readonly target: string }
  | {
      readonly kind: 'char' | 'block' | 'fifo';
      readonly attributes: Attributes;
      readonly major: number;
      readonly minor: number;
    }
  | { readonly kind: 'socket' };

/** The merged layers below one layer. `path` is a list of names, none of which but the last may be a link. */
export interface Below {
  lookup(path: readonly string[]): BelowNode | undefined;
  /** Names in a directory. */
  names(path: readonly string[]): readonly string[];
  /** All paths that name the same file as this one does, itself included or not; none for one with a single name. */
  namesOf(path: readonly string[]): readonly (readonly string[])[];
}

export const ROOT_ATTRIBUTES: Attributes = { mode: 0o755, uid: 0, gid: 0, mtimeNs: 0n, xattrs: new Map() };

export const newDirectory = (attributes: Attributes, implied: boolean): DirectoryNode => ({
  kind: 'directory',
  attributes,
  children: new Map(),
  opaque: false,
  implied,
});
