import type { Readable } from 'node:stream';
import type { SourceRange } from '#dockerfile';
import type { Emit } from '#events';
import type { ImageId } from '#oci';

/** Where the files of COPY and ADD come from. */
export type BuildContext =
  /** Read in place; the client runs on the same machine. */
  | { readonly kind: 'directory'; readonly path: string }
  /** A tar stream, plain or gzip-compressed; spooled beneath the root and removed afterwards. */
  | { readonly kind: 'tar'; readonly stream: Readable };

/** Credentials for one registry host. */
export interface RegistryAuth {
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  readonly identityToken?: string | undefined;
  readonly registryToken?: string | undefined;
}

export interface BuildRequest {
  readonly context: BuildContext;
  /** A path inside the context (default `Dockerfile`), or the text itself. */
  readonly dockerfile?: string | { readonly inline: string } | undefined;
  readonly tags?: readonly string[] | undefined;
  /** Undefined as a value means: take the variable from nowhere, as `--build-arg NAME` without a value. */
  readonly buildArgs?: Readonly<Record<string, string | undefined>> | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
  readonly target?: string | undefined;
  /** `os/arch[/variant]`. */
  readonly platform?: string | undefined;
  readonly noCache?: boolean | undefined;
  /** Always look for a newer base image. */
  readonly pull?: boolean | undefined;
  /** Network of RUN steps. */
  readonly network?: 'default' | 'none' | 'host' | undefined;
  /** A CA bundle of the host that RUN steps may read; never part of the image or of a cache key. */
  readonly hostCa?: { readonly path: string } | undefined;
  /** Proxy variables for RUN steps; never part of the image or of a cache key. */
  readonly proxies?: Readonly<Record<string, string>> | undefined;
  /** Contents of `--mount=type=secret` by id. */
  readonly secrets?: Readonly<Record<string, Uint8Array>> | undefined;
  /** `host:address` lines for /etc/hosts of RUN steps. */
  readonly extraHosts?: readonly string[] | undefined;
  /** Size of /dev/shm of RUN steps. */
  readonly shmSizeBytes?: number | undefined;
  /** Credentials for a repository in full, such as `docker.io/library/alpine`. */
  readonly auth?: ((repository: string) => RegistryAuth | undefined) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A step as progress shows it. */
export interface BuildStep {
  /** Unique within the build. */
  readonly id: string;
  /** The instruction with its variables expanded, such as `RUN npm ci`. */
  readonly name: string;
  /** The stage's name, or its number. */
  readonly stage: string;
  /** From 1, over all instructions of the stages that are built. */
  readonly index: number;
  readonly total: number;
  readonly range: SourceRange;
  /** `metadata` steps only change the configuration and take no time. */
  readonly kind: 'source' | 'filesystem' | 'metadata';
}

/** Why a step was not taken from the cache. */
export type MissReason =
  | { readonly kind: 'first-build' }
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
      readonly change: 'added' | 'removed' | 'modified' | 'metadata';
    }
  | { readonly kind: 'earlier-step'; readonly step: string }
  | { readonly kind: 'evicted' };

/** What a build tells while it runs. */
export type BuildEvent =
  | {
      readonly kind: 'step-started';
      readonly step: BuildStep;
      /** Empty for steps that are never cached. The first is the one to show. */
      readonly reasons: readonly MissReason[];
    }
  | { readonly kind: 'step-cached'; readonly step: BuildStep }
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
    }
  | {
      readonly kind: 'step-failed';
      readonly step: BuildStep;
      readonly message: string;
      readonly durationMs: number;
    }
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

export interface BuildResult {
  readonly imageId: ImageId;
  /** Canonical names the image was given. */
  readonly tags: readonly string[];
  readonly steps: { readonly total: number; readonly cached: number; readonly executed: number };
  readonly durationMs: number;
}

export interface Builder {
  /**
   * Builds one image.
   *
   * An abort or a failure leaves no image, no tag, no snapshot; layers of finished steps stay in the cache.
   */
  build(request: BuildRequest, emit: Emit<BuildEvent>): Promise<BuildResult>;
  /** Bytes and rows of the build cache. */
  usage(): Promise<{ readonly records: number; readonly bytes: number }>;
  /** When the cache row that was not used for the longest time was used last; undefined when there is none. */
  oldestUse(): Promise<Date | undefined>;
  /** Forgets cache rows (all, or those unused since `before`); returns how many rows and layer bytes were let go. */
  prune(options?: {
    readonly before?: Date | undefined;
  }): Promise<{ readonly records: number; readonly bytes: number }>;
}
