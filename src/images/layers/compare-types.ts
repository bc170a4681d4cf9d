import type { DiffId } from '#oci';

/** What a path is. */
export type EntryKind = 'file' | 'directory' | 'symlink' | 'char' | 'block' | 'fifo';

/** What can differ between two things of the same path. */
export type Aspect = 'kind' | 'content' | 'mode' | 'owner' | 'link' | 'device' | 'xattr' | 'time';

/** A path as it is in one root. */
export interface StackEntry {
  readonly kind: EntryKind;
  /** Bytes of a file; 0 for the rest. */
  readonly size: number;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Of symbolic links. */
  readonly target?: string | undefined;
}

/** One path that two roots do not have alike: absent in one of them, or different. */
export interface StackDifference {
  /** Absolute; bytes that are not UTF-8 are kept as in tar names. */
  readonly path: string;
  readonly before: StackEntry | undefined;
  readonly after: StackEntry | undefined;
  /** What differs; empty where the path is added or removed. */
  readonly aspects: readonly Aspect[];
}

export interface CompareRequest {
  /** Lowest first. */
  readonly before: readonly DiffId[];
  readonly after: readonly DiffId[];
  /** Absolute paths: only they, and what lies below them. */
  readonly paths?: readonly string[] | undefined;
  /** A difference in nothing but the time of modification counts, too. */
  readonly times?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}
