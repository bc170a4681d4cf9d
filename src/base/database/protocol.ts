import type { CarriedFailure } from './failures.ts';
import type { Statement, StatementResult } from './types.ts';

/** What the writer thread begins with. */
export interface WriterData {
  readonly path: string;
  readonly reserveBytes: number | undefined;
}

/** One group of transactions that share a commit. */
export interface WriteRequest {
  readonly id: number;
  readonly transactions: readonly (readonly Statement[])[];
  /** They, and all before them, survive a power cut once this is answered. */
  readonly durable: boolean;
}

export type TransactionOutcome =
  | { readonly kind: 'committed'; readonly results: readonly StatementResult[] }
  | { readonly kind: 'failed'; readonly failure: CarriedFailure };

export interface WriteAnswer {
  readonly id: number;
  readonly outcomes: readonly TransactionOutcome[];
}
