import type { CacheUsage } from '#metadata';

/** One registry whose content is served under a prefix of names. Times are milliseconds. */
export interface UpstreamSettings {
  /** `docker.io`; empty for every name that no other upstream has. */
  readonly prefix: string;
  /** Scheme, host and perhaps a path that goes before the names of its repositories. */
  readonly url: string;
  /** What clients call it in `?ns=`; the prefix when absent. */
  readonly namespace?: string | undefined;
  /** Answers for names that are neither below a prefix nor here. */
  readonly fallback?: boolean | undefined;
  /** Patterns of its repositories; all when absent. */
  readonly repositories?: readonly string[] | undefined;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  readonly tagTtl?: number | undefined;
  readonly staleFor?: number | undefined;
  readonly missingTtl?: number | undefined;
  readonly timeout?: number | undefined;
  /** Blobs that are fetched from it at the same time, at most. */
  readonly fetches?: number | undefined;
  /** Whether its own host may be private, or what besides public addresses may be connected to. */
  readonly allowPrivate?: boolean | readonly string[] | undefined;
  /** Accepts any certificate. */
  readonly insecure?: boolean | undefined;
  readonly keepBytes?: number | undefined;
  readonly keepUnused?: number | undefined;
}

/** What an upstream did since the registry started. */
export interface UpstreamCounters {
  /** Manifests and blobs that were here, fresh enough. */
  readonly hits: number;
  /** Those that had to be fetched or asked for. */
  readonly misses: number;
  /** Tags that were served although the upstream could not be asked. */
  readonly stale: number;
  /** Requests that failed. */
  readonly failures: number;
  /** Bytes of blobs and manifests that came from there. */
  readonly fetchedBytes: number;
}

/** What an upstream does, without looking into the metadata. */
export interface UpstreamActivity extends UpstreamCounters {
  readonly prefix: string;
  /** Until then it is not asked again after a failure. */
  readonly pausedUntilMs: number | undefined;
  readonly lastError: string | undefined;
  readonly fetching: number;
}

export interface UpstreamStatus extends UpstreamActivity {
  readonly url: string;
  readonly namespace: string;
  readonly cached: CacheUsage;
}
