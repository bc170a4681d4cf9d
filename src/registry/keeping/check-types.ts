import type { Cause } from '#metadata';

/** The parts of a check, in their order. */
export const CHECK_PHASES = ['blobs', 'strays', 'manifests', 'links', 'accounting', 'history'] as const;
export type CheckPhase = (typeof CHECK_PHASES)[number];

/** What is wrong with one thing. */
export interface Finding {
  readonly kind:
    | 'blob-corrupt'
    | 'blob-missing'
    | 'file-stray'
    | 'manifest-corrupt'
    | 'link-missing'
    | 'accounting'
    | 'history';
  readonly repository?: string | undefined;
  readonly manifest?: string | undefined;
  readonly digest?: string | undefined;
  /** One sentence. */
  readonly problem: string;
  /** What was done about it; absent when nothing was, or could be. */
  readonly repair?: string | undefined;
}

export interface CheckProgress {
  readonly phase: CheckPhase;
  /** Blobs and bytes read, of how many. */
  readonly blobs: number;
  readonly bytes: number;
  readonly ofBlobs: number;
  readonly ofBytes: number;
  readonly manifests: number;
  readonly findings: number;
}

export interface CheckReport extends Omit<CheckProgress, 'phase' | 'findings'> {
  readonly startedMs: number;
  /** Absent while it runs, or when it was interrupted. */
  readonly finishedMs: number | undefined;
  readonly repaired: boolean;
  /** At most a thousand. */
  readonly findings: readonly Finding[];
  readonly more: number;
}

export interface CheckOptions {
  /** Quarantine what is corrupt, and mend what can be mended. */
  readonly repair?: boolean | undefined;
  /** Begin anew instead of going on with a check that was interrupted. */
  readonly restart?: boolean | undefined;
  /** Bytes read in a second; everything at once when absent. */
  readonly bytesPerSecond?: number | undefined;
  readonly cause: Cause;
  readonly signal?: AbortSignal | undefined;
  readonly onFinding?: ((finding: Finding) => void) | undefined;
  readonly onProgress?: ((progress: CheckProgress) => void) | undefined;
}

/** Reads everything while the registry serves. */
export interface Checking {
  check(options: CheckOptions): Promise<CheckReport>;
  /** The last one, also one that was interrupted. */
  report(): CheckReport | undefined;
}
