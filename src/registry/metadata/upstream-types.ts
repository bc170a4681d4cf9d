import type { Digest } from '#oci';

/** What is known of a tag of another registry. */
export interface UpstreamTag {
  readonly digest: Digest;
  /** When the other registry last said so. */
  readonly checkedMs: number;
}

/** A manifest that came from another registry. */
export interface CachedManifest {
  readonly repository: string;
  readonly digest: Digest;
  readonly mediaType: string;
  readonly size: number;
  /** When it was last asked for. */
  readonly usedMs: number;
}

export interface CacheUsage {
  readonly repositories: number;
  readonly manifests: number;
  readonly tags: number;
  readonly blobs: number;
  /** Of manifests and blobs, each blob counted once. */
  readonly bytes: number;
}

export interface ManifestUse {
  readonly repository: string;
  readonly digest: Digest;
  readonly atMs: number;
}

/**
 * Which tags of other registries were seen when, and which of their manifests are asked for. Content itself is among
 * everything else. What was written shortly before a power cut may be lost: then it is asked for again.
 */
export interface UpstreamRecords {
  tag(repository: string, tag: string): UpstreamTag | undefined;
  tagChecked(repository: string, tag: string, seen: UpstreamTag): Promise<void>;
  forgetTag(repository: string, tag: string): Promise<void>;
  used(uses: readonly ManifestUse[]): Promise<void>;
  /** Manifests of the repositories below `prefix` (all when empty) that were not asked for since, the oldest first. */
  leastUsed(
    prefix: string,
    page: { readonly limit: number; readonly beforeMs: number; readonly offset?: number | undefined },
  ): readonly CachedManifest[];
  usage(prefix: string): CacheUsage;
  /** Bytes of manifests and of the blobs here that they need, each blob counted once. */
  neededBytes(prefix: string): number;
}

/** Blobs are not removed while one of these is there. */
export interface BackupHold {
  readonly id: string;
  readonly createdMs: number;
  readonly untilMs: number;
}

/**
 * Key of the lock under which blobs are removed for good, and under which holds begin: once a hold is there, no removal
 * that did not see it is under way.
 */
export const REMOVALS_LOCK = 'removals of blobs';

/** What a backup needs. */
export interface BackupStore {
  /** Writes all metadata, as of one moment, into a new file; changes go on meanwhile. */
  snapshot(path: string): Promise<void>;
  holds(): readonly BackupHold[];
  /** Makes a hold, or gives it another end. */
  hold(hold: BackupHold): Promise<void>;
  release(id: string): Promise<boolean>;
}
