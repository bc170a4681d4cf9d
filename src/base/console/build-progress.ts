import type { Paint } from './build-colors.ts';
import { createLiveBuild } from './build-progress-live.ts';
import { createPlainBuild } from './build-progress-plain.ts';
import type { Screen } from './transfer-progress.ts';

/** A build step as progress shows it. */
export interface BuildStepView {
  readonly id: string;
  readonly name: string;
  readonly stage: string;
  readonly index: number;
  readonly total: number;
  /** Place among the steps of its stage that are shown. */
  readonly inStage?: { readonly index: number; readonly total: number } | undefined;
  readonly kind?: 'source' | 'filesystem' | 'metadata' | undefined;
  /** Where a build is for several. */
  readonly platform?: string | undefined;
}

/** What a build tells while it runs; Lade's build events have this shape. */
export type BuildProgressEvent =
  | { readonly kind: 'build-started'; readonly id: string }
  | { readonly kind: 'step-started'; readonly step: BuildStepView }
  | { readonly kind: 'step-cached'; readonly step: BuildStepView }
  | {
      readonly kind: 'step-log';
      readonly step: BuildStepView;
      readonly stream?: 'stdout' | 'stderr' | undefined;
      readonly data: Uint8Array;
    }
  | { readonly kind: 'step-done'; readonly step: BuildStepView; readonly durationMs: number }
  | {
      readonly kind: 'step-failed';
      readonly step: BuildStepView;
      readonly message: string;
      readonly durationMs: number;
    }
  /** What a failed step left can be looked into with `lade debug BUILD`. */
  | { readonly kind: 'step-kept'; readonly build: string }
  | { readonly kind: 'step-cancelled'; readonly step: BuildStepView }
  | { readonly kind: 'warning'; readonly message: string }
  | { readonly kind: 'status'; readonly message: string; readonly id?: string | undefined }
  | {
      readonly kind: 'pull';
      readonly step: BuildStepView | undefined;
      readonly id: string;
      readonly status: string;
      readonly current?: number | undefined;
      readonly total?: number | undefined;
    }
  /** What the client itself sends or fetches. */
  | {
      readonly kind: 'transfer';
      readonly id: string;
      /** `[internal] load build context` */
      readonly title: string;
      /** `transferring context:` */
      readonly text: string;
      readonly current: number;
      readonly total?: number | undefined;
      readonly done: boolean;
    };

export interface BuildProgress {
  /** `why` says why a step was not taken from the cache, one reason a line. */
  show(event: BuildProgressEvent, why?: string): void;
  /** Draws the last state; nothing is shown afterwards. */
  end(): void;
}

export interface BuildScreen extends Screen {
  /** Height in lines. */
  readonly rows: () => number;
  /** Milliseconds; the clock of this process unless given: a log has its own. */
  readonly now?: (() => number) | undefined;
  /** Colours of the live view; none unless given. */
  readonly paint?: Paint | undefined;
}

/** Renders a build as BuildKit's clients do: a live view, or numbered plain lines. */
export const createBuildProgress = (screen: BuildScreen): BuildProgress =>
  screen.live ? createLiveBuild(screen) : createPlainBuild(screen);
