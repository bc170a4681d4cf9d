import type { Digest } from '#oci';
import type { Cause } from './types.ts';

/** What a tag was moved by. */
export type TagMoveReason =
  | 'push'
  | 'delete'
  /** Its manifest was deleted. */
  | 'delete-manifest'
  | 'restore'
  | 'retention'
  | 'upstream'
  /** It was there before there was a history. */
  | 'found'
  /** Something that said nothing of itself. */
  | 'unknown';

/** One move of one tag: an entry of the registry's history of tags. */
export interface TagMove {
  /** 1, 2, 3 … over all repositories, without gaps. */
  readonly id: number;
  readonly atMs: number;
  readonly repository: string;
  readonly tag: string;
  /** What it pointed to before; absent when there was no such tag. */
  readonly from: Digest | undefined;
  /** What it points to since; absent when the tag was removed. */
  readonly to: Digest | undefined;
  readonly reason: TagMoveReason;
  readonly actor: string;
  readonly address: string | undefined;
  readonly client: string | undefined;
  readonly requestId: string | undefined;
  /** Hash of the entry before; 64 zeros for the first. */
  readonly previous: string;
  /** See `chainText`. */
  readonly hash: string;
}

export interface TagHistoryFilter {
  readonly repository?: string | undefined;
  readonly tag?: string | undefined;
  /** Only entries after this id, or before that one. */
  readonly after?: number | undefined;
  readonly before?: number | undefined;
  readonly limit: number;
  readonly newestFirst?: boolean | undefined;
}

/** The newest entry; whoever notes its hash elsewhere can prove later that nothing before it was changed. */
export interface ChainHead {
  readonly id: number;
  readonly hash: string;
}

export interface ChainFault {
  /** The entry, or the one behind the gap. */
  readonly id: number | undefined;
  readonly repository: string | undefined;
  readonly tag: string | undefined;
  /** One sentence. */
  readonly problem: string;
}

export interface ChainReport {
  readonly entries: number;
  readonly head: ChainHead;
  /** Place of the hash that was asked for; absent when none was, or when no entry has it. */
  readonly noted: number | undefined;
  /** At most a hundred. */
  readonly faults: readonly ChainFault[];
}

export interface VerifyOptions {
  /** A hash noted earlier, which must still be that of an entry. */
  readonly head?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Where a tag shall point to again. */
export type RestorePoint =
  /** To where it pointed before its last move. */
  | { readonly kind: 'previous' }
  /** To where it pointed after that entry. */
  | { readonly kind: 'entry'; readonly id: number }
  /** To where it pointed at that time. */
  | { readonly kind: 'time'; readonly atMs: number };

export interface TagRestore {
  readonly repository: string;
  readonly tag: string;
  readonly point: RestorePoint;
  readonly cause: Cause;
}

export interface RestoredTag {
  readonly digest: Digest;
  /** False when it pointed there already. */
  readonly moved: boolean;
}

/**
 * Every move of every tag, append-only. The database itself writes the entries, in the transaction of the move: no path
 * can forget one. Each entry's hash covers the entry and the hash of the one before. The history of tags and repositories
 * that are gone stays.
 */
export interface TagHistory {
  entries(filter: TagHistoryFilter): readonly TagMove[];
  /** Id 0 and 64 zeros while there is no entry. */
  head(): ChainHead;
  /** Reads everything: hashes, order, that moves of a tag follow each other, and that tags are where the history says. */
  verify(options?: VerifyOptions): Promise<ChainReport>;
  /**
   * Moves a tag to where it was; that is an entry, too.
   *
   * @throws METADATA_TAG_HISTORY_UNKNOWN, METADATA_TAG_WAS_ABSENT, METADATA_RESTORE_MANIFEST_GONE, METADATA_TAG_WRITE_ONCE
   */
  restore(restore: TagRestore): Promise<RestoredTag>;
}
