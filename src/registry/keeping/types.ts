import type { Cause, RemovalRecord, RemovedItem, UndoResult } from '#metadata';
import type { Digest } from '#oci';
import type { Protection } from '#protocol';
import type { Checking } from './check-types.ts';
import type { RetentionRule } from './rules.ts';

/** Times in milliseconds. */
export interface KeepingOptions {
  /** How long an upload may take from its first HEAD, mount or blob to its manifest: so long nothing of it is removed. */
  readonly uploadWindowMs: number;
  /** How long what was removed can be brought back. */
  readonly undoForMs: number;
  /** How long an idle upload session is kept. */
  readonly uploadIdleMs: number;
  readonly rules: readonly RetentionRule[];
}

/** One thing that would go. */
export type PlannedItem =
  | {
      readonly kind: 'tag';
      readonly repository: string;
      readonly tag: string;
      readonly digest: Digest;
      readonly reason: string;
    }
  | {
      readonly kind: 'manifest';
      readonly repository: string;
      readonly digest: Digest;
      readonly size: number;
      readonly reason: string;
    }
  | {
      readonly kind: 'blob';
      readonly repository: string;
      readonly digest: Digest;
      readonly size: number;
      readonly reason: string;
      /** Whether no other repository has it, so that its bytes go with the purge. */
      readonly last: boolean;
    };

/** What is listed: what would go, or also what stays and why. */
export interface KeptItem {
  readonly kind: 'tag' | 'manifest';
  readonly repository: string;
  readonly tag?: string | undefined;
  readonly digest: Digest;
  readonly reason: string;
}

export interface PlanTotals {
  readonly tags: number;
  readonly manifests: number;
  readonly blobs: number;
  /** Bytes of manifests and blobs. */
  readonly bytes: number;
  /** Bytes on the disk that a purge frees once undo is over. */
  readonly freed: number;
  /** Blobs that no manifest needs, but that uploads may still refer to, and their bytes. */
  readonly protectedBlobs: number;
  readonly protectedBytes: number;
}

/** What a collection at this moment would remove. */
export interface Plan {
  /** Names exactly these items; the same items give the same id. */
  readonly id: string;
  readonly atMs: number;
  readonly totals: PlanTotals;
}

/** What a collection may touch: rules alone, or everything. */
export type Scope = 'gc' | 'retention';

export interface PlanOptions {
  readonly scope?: Scope | undefined;
  /** Only this repository. */
  readonly repository?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Is told each item that would go. */
  readonly onItem?: ((item: PlannedItem) => void) | undefined;
  /** Is told each tag and manifest that stays, where a rule applies. */
  readonly onKept?: ((item: KeptItem) => void) | undefined;
  /** Is waited for after each repository. */
  readonly onPart?: (() => Promise<void>) | undefined;
}

export interface RunOptions {
  readonly scope?: Scope | undefined;
  readonly cause: Cause;
  /** Remove only what that plan listed; refuse when more would go by now. */
  readonly plan?: string | undefined;
  readonly repository?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  /** In place of the configured window. */
  readonly uploadWindowMs?: number | undefined;
  readonly onProgress?: ((progress: RunProgress) => void) | undefined;
}

export interface RunProgress {
  readonly tags: number;
  readonly manifests: number;
  readonly blobs: number;
  readonly bytes: number;
}

export interface RunResult extends RunProgress {
  /** The removal to undo; absent when there was nothing to remove. */
  readonly removal: string | undefined;
  /** Things that somebody began to need meanwhile. */
  readonly spared: number;
}

export interface PurgeOptions {
  /** In place of the configured time: 0 purges all that ended. */
  readonly undoForMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: PurgeResult) => void) | undefined;
}

export interface PurgeResult {
  readonly removals: number;
  readonly blobs: number;
  readonly bytes: number;
}

export interface SweepResult {
  /** Files without a record and blobs that nothing has, and their bytes. */
  readonly blobs: number;
  readonly bytes: number;
  readonly uploads: number;
}

export interface RemovalView extends RemovalRecord {
  /** Until then it can be undone. */
  readonly undoableUntilMs: number | undefined;
}

export type CollectOptions = Pick<RunOptions, 'signal' | 'onProgress'>;

export interface Collected {
  readonly ran: RunResult;
  readonly purged: PurgeResult;
  readonly swept: SweepResult;
}

/** What a registry keeps and lets go. Everything may run while it serves; runs, undos and purges take turns. */
export interface Keeping extends Checking {
  /** To be told by the protocol what clients were promised. */
  readonly protection: Protection;
  plan(options?: PlanOptions): Promise<Plan>;
  run(options: RunOptions): Promise<RunResult>;
  /** Everything that a removal took comes back. */
  undo(id: string, cause: Cause): Promise<UndoResult>;
  purge(options?: PurgeOptions): Promise<PurgeResult>;
  /** Removes what crashes left, and idle uploads. */
  sweep(options?: {
    readonly uploadWindowMs?: number | undefined;
    readonly signal?: AbortSignal | undefined;
  }): Promise<SweepResult>;
  /** Runs, purges what can no longer be undone, and sweeps: what the schedule does. */
  collect(cause: Cause, options?: CollectOptions): Promise<Collected>;
  /** When `collect` began last; 0 for never. */
  lastCollectionMs(): number;
  /** Other rules and times from now on. */
  configure(options: KeepingOptions): void;
  removals(filter: { readonly limit: number; readonly clientDeletes: boolean }): readonly RemovalView[];
  removedItems(id: string, page: { readonly limit: number; readonly offset: number }): readonly RemovedItem[];
  rules(): readonly RetentionRule[];
  /** What undo holds on the disk. */
  held(): Promise<{ readonly blobs: number; readonly bytes: number }>;
}
