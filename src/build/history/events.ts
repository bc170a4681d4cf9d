import type { MissReason } from '#cache';
import type { SourceRange } from '#dockerfile';
import type { BuildStep } from '#plan';

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
