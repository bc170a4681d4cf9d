/** What an entry makes. `contiguous` files of old archives are files. */
export type TarKind = 'file' | 'directory' | 'symlink' | 'hardlink' | 'char' | 'block' | 'fifo';

/** A run of bytes of a sparse file; what lies between runs reads as zeros. */
export interface TarExtent {
  /** First byte within the file. */
  readonly offset: number;
  readonly size: number;
}

/**
 * One entry of an archive. `path`, `linkName` and the names of `xattrs` are *tar names*: text that keeps bytes which
 * are not UTF-8 (see `decodeName`); they are exactly as in the archive, neither cleaned nor checked.
 */
export interface TarEntry {
  readonly path: string;
  readonly kind: TarKind;
  /** Permission bits with set-uid, set-gid and sticky (07777). */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly userName: string;
  readonly groupName: string;
  /** Bytes of the file once unpacked; 0 for what has no content. */
  readonly size: number;
  /** Nanoseconds since 1970. */
  readonly mtimeNs: bigint;
  /** Target of a symbolic or hard link. */
  readonly linkName: string;
  readonly major: number;
  readonly minor: number;
  readonly xattrs: ReadonlyMap<string, Buffer>;
  /** Where the content starts in the archive, a multiple of 512. */
  readonly dataOffset: number;
  /** Bytes of content in the archive, without padding; less than `size` for a sparse file. */
  readonly storedSize: number;
  /** Runs of a sparse file, ascending, stored one after another from `dataOffset`. */
  readonly sparse: readonly TarExtent[] | undefined;
}

/** What the writer needs to know of an entry; what is absent is 0, empty or the kind's usual mode. */
export interface TarHeader {
  readonly path: string;
  readonly kind: TarKind;
  readonly mode?: number | undefined;
  readonly uid?: number | undefined;
  readonly gid?: number | undefined;
  readonly userName?: string | undefined;
  readonly groupName?: string | undefined;
  readonly size?: number | undefined;
  readonly mtimeNs?: bigint | undefined;
  readonly linkName?: string | undefined;
  readonly major?: number | undefined;
  readonly minor?: number | undefined;
  readonly xattrs?: ReadonlyMap<string, Uint8Array> | undefined;
}

/** Receives what the parser finds, in the order of the archive. */
export interface TarVisitor {
  onEntry(entry: TarEntry): void;
  /** A piece of the entry's stored content; valid only during the call. Content is skipped when absent. */
  onData?(chunk: Buffer, entry: TarEntry): void;
}

/** A push parser: gets the archive in pieces of any size. Memory stays bounded whatever the archive says. */
export interface TarParser {
  /** Takes the next bytes; throws a `corrupt` error at the first that cannot be. */
  feed(chunk: Uint8Array): void;
  /** Ends the archive; throws a `corrupt` error when it was cut off. */
  end(): void;
  /** Bytes taken so far. */
  readonly position: number;
}

/** One entry while an archive is read in order. */
export interface TarItem {
  readonly entry: TarEntry;
  /** The content, holes filled with zeros. Whatever is left unread is skipped when the next item is asked for. */
  content(): AsyncIterable<Buffer>;
  /** The whole content; a `corrupt` error when it is larger than `maxBytes`. */
  bytes(maxBytes: number): Promise<Buffer>;
}
