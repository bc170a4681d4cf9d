import type { CacheHit, SolverCache } from '#solver';
import type { StepResult } from './cache.ts';

/** Results that other machines have, by key; their layers are fetched when something needs them. */
export interface ImportedResults {
  /** `store` takes a result that was brought here. */
  lookup(key: string, store: SolverCache<StepResult>['store']): CacheHit<StepResult> | undefined;
}
