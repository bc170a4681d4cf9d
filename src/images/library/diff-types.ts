import type { DiffId, ImageId } from '#oci';
import type { StackDifference } from '#layers';
import type { Cancellable } from './types.ts';
import type { ResolveOptions } from './view-types.ts';

export interface DiffRequest extends Cancellable, ResolveOptions {
  /** Images by any name. */
  readonly before: string;
  readonly after: string;
  /** Absolute paths: only they, and what lies below them. */
  readonly paths?: readonly string[] | undefined;
  /** Files that differ in nothing but the time of modification count, too. */
  readonly times?: boolean | undefined;
}

export interface DiffedImage {
  readonly id: ImageId;
  readonly tags: readonly string[];
  /** Bytes of the uncompressed layers. */
  readonly size: number;
}

/** One thing in which configurations differ; absent in one of them is undefined. */
export interface ConfigDifference {
  /** `User`, `Env.PATH`, `Labels.stage`, `History` … */
  readonly field: string;
  readonly before?: unknown;
  readonly after?: unknown;
}

export interface DiffedLayer {
  readonly diffId: DiffId;
  readonly size: number;
}

export interface ImageDiff {
  readonly before: DiffedImage;
  readonly after: DiffedImage;
  readonly config: readonly ConfigDifference[];
  /** `common`: how many lowest layers both have; what is not among them, lowest first. */
  readonly layers: {
    readonly common: number;
    readonly removed: readonly DiffedLayer[];
    readonly added: readonly DiffedLayer[];
  };
  /** In batches, a directory before what lies in it, names sorted by bytes. Read as it is taken. */
  readonly files: AsyncIterable<readonly StackDifference[]>;
}
