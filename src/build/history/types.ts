import type { MissReason } from '#cache';
import type { BuildStep } from '#plan';
import type { BuildEvent } from './events.ts';
import type { BuildResult } from './result.ts';

/** `interrupted`: the daemon ended while the build ran. */
export type BuildStatus = 'running' | 'done' | 'failed' | 'cancelled' | 'interrupted';

/** Why a build ended without an image. */
export interface BuildFailure {
  readonly kind: string;
  readonly code: string;
  readonly message: string;
  readonly hint?: string | undefined;
}

/** What is known of a build when it begins. */
export interface BuildSubject {
  /** The directory, the URL without credentials, or `-` for an archive that was sent. */
  readonly context: string;
  readonly dockerfile: string;
  readonly target?: string | undefined;
  readonly platforms: readonly string[];
  readonly tags: readonly string[];
}

/** One build in the list of all. Times are milliseconds since 1970. */
export interface BuildSummary extends BuildSubject {
  readonly id: string;
  readonly status: BuildStatus;
  readonly startedAt: number;
  readonly endedAt?: number | undefined;
  readonly imageId?: string | undefined;
  readonly failure?: BuildFailure | undefined;
  readonly counts: { readonly total: number; readonly cached: number; readonly executed: number };
  readonly logBytes: number;
}

/** `unfinished`: the build ended while it ran. */
export type StepState = 'running' | 'done' | 'cached' | 'failed' | 'cancelled' | 'unfinished';

/** What happened to one step. */
export interface StepTrace extends BuildStep {
  readonly state: StepState;
  readonly startedAt: number;
  readonly durationMs: number;
  readonly layerSize?: number | undefined;
  /** Why it was not taken from the cache. */
  readonly reasons: readonly MissReason[];
  readonly message?: string | undefined;
}

export interface BuildDetails extends BuildSummary {
  readonly steps: readonly StepTrace[];
  readonly warnings: readonly string[];
}

/** One entry of a build's log. */
export type LogEntry = { readonly at: number } & (
  | { readonly kind: 'event'; readonly event: BuildEvent }
  | { readonly kind: 'result'; readonly result: BuildResult }
  | { readonly kind: 'error'; readonly error: BuildFailure }
);

/** How many builds are remembered. */
export interface HistoryLimits {
  readonly count: number;
  readonly ageMs: number;
}

export interface HistoryUsage {
  readonly builds: number;
  readonly bytes: number;
}

/** The builds that a root remembers, each with its whole log. */
export interface BuildHistory {
  /** Newest first. */
  list(): readonly BuildSummary[];
  /**
   * `build` is an ID, the unambiguous beginning of one, or `^N`: the Nth last build (`^0`, the newest).
   *
   * @throws `BUILDER_UNKNOWN_BUILD`, `BUILDER_AMBIGUOUS_BUILD`
   */
  inspect(build: string): Promise<BuildDetails>;
  /** The log from its beginning; with `follow`, until the build ends. */
  logs(
    build: string,
    options?: { readonly follow?: boolean | undefined; readonly signal?: AbortSignal | undefined },
  ): AsyncIterable<LogEntry>;
  /** Forgets a build that has ended and its log; returns its ID. */
  remove(build: string): Promise<string>;
  usage(): HistoryUsage;
}
