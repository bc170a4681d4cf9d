import type { DeliveryEvent } from '#outputs';

/** What differs in a file that a step reads. */
export type FileChange =
  | 'added'
  | 'removed'
  | 'content'
  | 'mode'
  | 'owner'
  | 'attributes'
  /** A file became a directory or a link, and so on. */
  | 'kind';

/** Why a step was not taken from the cache: what differs from the last build of the same target. */
export type MissReason =
  /** Nothing was built from this Dockerfile before. */
  | { readonly kind: 'first-build' }
  /** The last build had no such step. */
  | { readonly kind: 'new-step' }
  | { readonly kind: 'no-cache' }
  | { readonly kind: 'instruction-changed'; readonly before: string; readonly after: string }
  | {
      readonly kind: 'variable-changed';
      readonly name: string;
      readonly before: string | undefined;
      readonly after: string | undefined;
    }
  | {
      readonly kind: 'setting-changed';
      readonly name: string;
      readonly before: string;
      readonly after: string;
    }
  | { readonly kind: 'base-changed'; readonly before: string; readonly after: string }
  | {
      readonly kind: 'file-changed';
      readonly path: string;
      readonly change: FileChange;
      readonly before?: string | undefined;
      readonly after?: string | undefined;
    }
  | { readonly kind: 'earlier-step'; readonly step: string }
  /** It stands on another step than before: one was inserted, removed or moved. */
  | { readonly kind: 'order-changed'; readonly before: string; readonly after: string }
  /** Exactly this was built before; its result has been removed. */
  | { readonly kind: 'evicted' };

/** Where results of steps are kept between machines, as `--cache-from` and `--cache-to` name it. */
export type CacheSpec =
  | { readonly kind: 'registry'; readonly reference: string; readonly mode: CacheMode }
  /** A directory of the daemon's machine, an OCI layout. */
  | { readonly kind: 'local'; readonly path: string; readonly mode: CacheMode }
  /** In the configuration of the image itself. */
  | { readonly kind: 'inline' };

/** `min` keeps what the result is made of, `max` every step. Means nothing to `--cache-from`. */
export type CacheMode = 'min' | 'max';

/** What reading and writing caches elsewhere tells. */
export type CacheEvent = DeliveryEvent | { readonly kind: 'warning'; readonly message: string };
