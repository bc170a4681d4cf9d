import type { Digest } from '#oci';
import type { AccountStore } from './account-types.ts';
import type { CollectionStore, PullStore } from './collection-types.ts';
import type { ScrubStore } from './scrub-types.ts';
import type { CatalogStore } from './catalog-types.ts';
import type { DeliveryStore } from './delivery-types.ts';
import type { ManifestFacts } from './manifest.ts';
import type { BackupStore, UpstreamRecords } from './upstream-types.ts';
import type { Accounting } from './accounting-types.ts';
import type { Policies } from './policy-types.ts';
import type { TagHistory, TagMoveReason } from './tag-history-types.ts';

/**
 * Who makes a change, and from where. It goes into the journal, into the history of tags and into events, in the same
 * transaction as the change itself.
 */
export interface Cause {
  /** Name of the caller; `anonymous`, or `system:PART` for what the registry does by itself. */
  readonly actor: string;
  /** Address that the request came from. */
  readonly address?: string | undefined;
  /** User-Agent. */
  readonly client?: string | undefined;
  readonly requestId?: string | undefined;
  /** Host header and method of the request. */
  readonly host?: string | undefined;
  readonly method?: string | undefined;
  /** Whether the client spoke TLS. */
  readonly secure?: boolean | undefined;
}

export interface StoredManifest {
  readonly digest: Digest;
  readonly mediaType: string;
  readonly bytes: Buffer;
}

export interface ManifestHead {
  readonly digest: Digest;
  readonly mediaType: string;
  readonly size: number;
}

/** One entry of a referrers answer. */
export interface Referrer extends ManifestHead {
  readonly artifactType: string | undefined;
  readonly annotations: Readonly<Record<string, string>> | undefined;
}

export interface Page {
  readonly limit: number;
  /** Entries after this one. */
  readonly after: string;
}

export interface ReferrersPage extends Page {
  /** Only those of this type. */
  readonly artifactType?: string | undefined;
}

export interface ManifestPut {
  readonly repository: string;
  readonly digest: Digest;
  readonly bytes: Buffer;
  readonly facts: ManifestFacts;
  readonly tags: readonly string[];
  readonly cause: Cause;
  /** What the tags may name now, undefined being nothing; whatever they name unless given. */
  readonly expected?: ((current: Digest | undefined) => boolean) | undefined;
  /** For the history of tags; `push` unless given. */
  readonly reason?: TagMoveReason | undefined;
}

export interface BlobLink {
  readonly repository: string;
  readonly digest: Digest;
  readonly size: number;
  /** Whether the bytes came with the request or were there before. */
  readonly how: 'push' | 'mount';
  /** Repository that it was mounted from. */
  readonly from?: string | undefined;
  readonly cause: Cause;
}

/** What a removal is about. */
export interface Removal<T> {
  readonly repository: string;
  readonly target: T;
  readonly cause: Cause;
  /** For the history of tags; `delete` or `delete-manifest` unless given. */
  readonly reason?: TagMoveReason | undefined;
}

/**
 * Repositories, manifests, tags, and which repository may use which blob. Reads see every write that has resolved; each
 * write is one durable transaction, the journal's entry included.
 */
export interface ContentStore {
  hasRepository(name: string): boolean;
  /** Names that have a manifest, in order. */
  repositories(page: Page): readonly string[];
  tags(repository: string, page: Page): readonly string[];
  tagged(repository: string, tag: string): Digest | undefined;
  manifestHead(repository: string, digest: Digest): ManifestHead | undefined;
  manifest(repository: string, digest: Digest): StoredManifest | undefined;
  referrers(repository: string, subject: Digest, page: ReferrersPage): readonly Referrer[];
  /** Size of a blob that the repository may use. */
  linkedBlob(repository: string, digest: Digest): { readonly size: number } | undefined;
  /** Repositories that may use the blob, in order. */
  linkingRepositories(digest: Digest): readonly string[];
  /** The first of them that is wanted; reads little more than up to there. */
  linkingRepository(digest: Digest, isWanted: (repository: string) => boolean): string | undefined;
  /** Whether there is a record of the blob, linked or not. */
  hasBlob(digest: Digest): boolean;
  /** Manifests of the repository that need the blob, at most one. */
  userOf(repository: string, digest: Digest): Digest | undefined;
  linkBlob(link: BlobLink): Promise<void>;
  /** Whether there was a link that nothing of the repository needs. */
  unlinkBlob(removal: Removal<Digest>): Promise<boolean>;
  /** @throws METADATA_MANIFEST_BLOB_UNKNOWN when a blob it needs is not, or no longer, linked */
  putManifest(put: ManifestPut): Promise<void>;
  /** Removes a manifest and its tags; whether it was there. */
  removeManifest(removal: Removal<ManifestHead>): Promise<boolean>;
  removeTag(removal: Removal<string>): Promise<boolean>;
}

/** What happened to content, or to the registry itself (`administer`). */
export type JournalAction = 'push' | 'mount' | 'pull' | 'delete' | 'administer';

/** An entry to be written; the same things as a distribution event tells. */
export interface NewEntry {
  readonly action: JournalAction;
  /** `refused` entries change nothing; `reason` says why. */
  readonly outcome: 'done' | 'refused';
  readonly repository?: string | undefined;
  readonly tag?: string | undefined;
  readonly digest?: string | undefined;
  readonly mediaType?: string | undefined;
  readonly size?: number | undefined;
  /** Repository that a blob was mounted from. */
  readonly from?: string | undefined;
  /** Why it was refused, or what exactly was administered: one line, no secrets. */
  readonly reason?: string | undefined;
  readonly cause: Cause;
}

export interface JournalEntry extends NewEntry {
  /** Grows by one. */
  readonly id: number;
  readonly atMs: number;
}

export interface JournalFilter {
  /** Only entries after this id. */
  readonly after?: number | undefined;
  readonly limit: number;
  readonly repository?: string | undefined;
  readonly outcome?: 'done' | 'refused' | undefined;
  /** Newest first instead of oldest first. */
  readonly newestFirst?: boolean | undefined;
}

/**
 * The append-only log of every write and every refusal: what `audit` shows, what webhooks and the event stream are fed
 * from. Entries of changes are written in the transaction of the change.
 */
export interface Journal {
  entries(filter: JournalFilter): readonly JournalEntry[];
  /** Id of the newest entry; 0 when there is none. */
  lastId(): number;
  /** Appends what is not part of another write, such as a refusal; waits for the commit, not for the disk. */
  append(entries: readonly NewEntry[]): Promise<void>;
  /** Removes entries older than that. */
  trim(beforeMs: number): Promise<number>;
  /** Calls back after entries were appended, at once for each write. */
  follow(listener: () => void): Disposable;
}

/** What the registry knows besides bytes, by capability. No type of the database appears here. */
export interface MetadataStore {
  readonly contents: ContentStore;
  readonly journal: Journal;
  readonly deliveries: DeliveryStore;
  readonly tagHistory: TagHistory;
  readonly accounting: Accounting;
  readonly policies: Policies;
  readonly accounts: AccountStore;
  readonly collection: CollectionStore;
  readonly pulls: PullStore;
  readonly scrub: ScrubStore;
  readonly upstreamRecords: UpstreamRecords;
  readonly backups: BackupStore;
  readonly catalog: CatalogStore;
}
