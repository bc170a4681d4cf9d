import type { BenchRow } from '../table.ts';
import type { Fixture } from './fixture.ts';

/** What every part of the table of images is given. */
export interface ImagesBench {
  /** An image of many layers in a registry. */
  readonly fixture: Fixture;
  /** Samples of each contender; the first contender begins, then they go by turns. */
  readonly rounds: number;
}

/** A file of this folder that measures something: `export const rows: Measure`. */
export type Measure = (bench: ImagesBench) => Promise<readonly BenchRow[]>;
