import type { Roots } from '../images/peers.ts';
import type { BenchRow } from '../table.ts';

/** What every part of the table of registries is given. */
export interface RegistryBench {
  readonly roots: Roots;
  /** Samples of each registry, by turns. */
  readonly rounds: number;
  /** Without docker-registry. */
  readonly alone: boolean;
}

/** A file of this folder that measures something: `export const rows: Measure`. */
export type Measure = (bench: RegistryBench) => Promise<readonly BenchRow[]>;
