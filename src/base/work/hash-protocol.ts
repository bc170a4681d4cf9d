import type { HashAlgorithm } from './types.ts';

/** Cells of the memory that a follower shares with its job; all counts are bytes from the start of the file. */
export const WRITTEN_CELL = 0;
/** -1 while the end is not known yet. */
export const END_CELL = 1;
/** Counts what was told, so that nothing told between a look and a wait is missed. */
export const NEWS_CELL = 2;
export const FOLLOW_BYTES = 24;

export type HashRequest =
  | {
      readonly kind: 'range';
      /** Bytes where the name is no text. */
      readonly path: string | Uint8Array;
      readonly algorithm: HashAlgorithm;
      readonly start: number;
      readonly end: number | undefined;
    }
  | {
      readonly kind: 'follow';
      readonly path: string;
      readonly algorithm: HashAlgorithm;
      readonly shared: SharedArrayBuffer;
    };
