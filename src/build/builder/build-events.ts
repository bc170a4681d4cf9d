import type { SourceRange } from '#dockerfile';

/** A step as progress shows it. */
export interface BuildStep {
  /** Unique within the build. */
  readonly id: string;
  /** The instruction with its variables expanded, such as `RUN npm ci`. */
  readonly name: string;
  /** The instruction on one line as the Dockerfile has it. */
  readonly written?: string | undefined;
  /** The stage's name, or its number. */
  readonly stage: string;
  /** `os/architecture[/variant]`, in a build for several. */
  readonly platform?: string | undefined;
  /** From 1, over the steps of its stage that do more than change the configuration; undefined for one that does not. */
  readonly inStage?: { readonly index: number; readonly total: number } | undefined;
  /** From 1, over all instructions of the stages that are built. */
  readonly index: number;
  readonly total: number;
  readonly range: SourceRange;
  /** `metadata` steps only change the configuration and take no time. */
  readonly kind: 'source' | 'filesystem' | 'metadata';
}

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

/** What a build tells while it runs. */
export type BuildEvent =
  /** The first event: under which ID the build is recorded. */
  | { readonly kind: 'build-started'; readonly id: string }
  | {
      readonly kind: 'step-started';
      readonly step: BuildStep;
      /** Empty for steps that are never cached. The first is the one to show. */
      readonly reasons: readonly MissReason[];
    }
  | {
      readonly kind: 'step-cached';
      readonly step: BuildStep;
      readonly layer?: string | undefined;
      /** False: it has no result, and everything that would use it came from the cache. */
      readonly needed?: boolean | undefined;
    }
  | {
      readonly kind: 'step-log';
      readonly step: BuildStep;
      readonly stream: 'stdout' | 'stderr';
      readonly data: Uint8Array;
    }
  | {
      readonly kind: 'step-done';
      readonly step: BuildStep;
      readonly durationMs: number;
      /** Bytes of the layer that the step made, if it made one. */
      readonly layerSize?: number | undefined;
      /** DiffId of that layer. For FROM: the ID of the image. */
      readonly layer?: string | undefined;
    }
  | {
      readonly kind: 'step-failed';
      readonly step: BuildStep;
      readonly message: string;
      readonly durationMs: number;
    }
  /** What a failed RUN step left is kept for a while: `lade debug BUILD` opens a shell in it. */
  | { readonly kind: 'step-kept'; readonly build: string; readonly command: string }
  | { readonly kind: 'step-cancelled'; readonly step: BuildStep }
  | { readonly kind: 'warning'; readonly message: string; readonly range?: SourceRange | undefined }
  | { readonly kind: 'status'; readonly message: string; readonly id?: string | undefined }
  /** Progress of pulling a base image, as the library reports it. */
  | {
      readonly kind: 'pull';
      readonly step: BuildStep | undefined;
      readonly id: string;
      readonly status: string;
      readonly current?: number | undefined;
      readonly total?: number | undefined;
    };
