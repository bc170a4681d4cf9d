import type { CacheSpec } from '#cache';
import type { AttestationSpec } from '#outputs';
import type { PlanRequest } from '#plan';
import type { BuildContext } from '#sources';
import type { ResourceLimits } from '#steps';

/** Credentials for one registry host. */
export interface RegistryAuth {
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  readonly identityToken?: string | undefined;
  readonly registryToken?: string | undefined;
}

/** What a Dockerfile may ask for only when the caller allows it. */
export type Entitlement = 'security.insecure' | 'network.host' | 'device';

export interface BuildRequest extends PlanRequest {
  readonly context: BuildContext;
  /** A path inside the context (default `Dockerfile`), or the text itself. */
  readonly dockerfile?: string | { readonly inline: string } | undefined;
  readonly tags?: readonly string[] | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
  /** `[manifest:|index:|manifest-descriptor:|index-descriptor:]key` to value. */
  readonly annotations?: Readonly<Record<string, string>> | undefined;
  readonly noCache?: boolean | undefined;
  /** Stages whose steps are not looked up. */
  readonly noCacheFilter?: readonly string[] | undefined;
  readonly cacheFrom?: readonly CacheSpec[] | undefined;
  readonly cacheTo?: readonly CacheSpec[] | undefined;
  /** Always look for a newer base image. */
  readonly pull?: boolean | undefined;
  /** Network of RUN steps: `default`, `none`, `host`, or the name of a user's network. */
  readonly network?: string | undefined;
  /** A CA bundle of the host that RUN steps may read; never part of the image or of a cache key. */
  readonly hostCa?: { readonly path: string } | undefined;
  /** Proxy variables for RUN steps; never part of the image or of a cache key. */
  readonly proxies?: Readonly<Record<string, string>> | undefined;
  /** Contents of `--mount=type=secret` by id. */
  readonly secrets?: Readonly<Record<string, Uint8Array>> | undefined;
  /** Sockets of SSH agents on the daemon's machine, by id (`default`). */
  readonly ssh?: Readonly<Record<string, { readonly socket: string }>> | undefined;
  /** `host:address` lines for /etc/hosts of RUN steps. */
  readonly extraHosts?: readonly string[] | undefined;
  /** Size of /dev/shm of RUN steps. */
  readonly shmSizeBytes?: number | undefined;
  /** Processor, memory and ulimits of each RUN step. */
  readonly limits?: ResourceLimits | undefined;
  readonly allow?: readonly Entitlement[] | undefined;
  readonly attestations?: AttestationSpec | undefined;
  /** All layers above the base become one. */
  readonly squash?: boolean | undefined;
  /** A failed RUN step leaves its snapshot, so that a shell can be opened in it. */
  readonly keepFailed?: boolean | undefined;
  /** Credentials for a repository in full, such as `docker.io/library/alpine`. */
  readonly auth?: ((repository: string) => RegistryAuth | undefined) | undefined;
}
