import type { ResourceLimits } from '#steps';
import type { AttestationSpec, OutputSpec } from '#outputs';
import type { BuildContext, NamedContext } from '#sources';

/** Credentials for one registry host. */
export interface RegistryAuth {
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  readonly identityToken?: string | undefined;
  readonly registryToken?: string | undefined;
}

/** Where results of steps are kept between machines, as `--cache-from` and `--cache-to` name it. */
export type CacheSpec =
  | { readonly kind: 'registry'; readonly reference: string; readonly mode: CacheMode }
  /** A directory of the daemon's machine, an OCI layout. */
  | { readonly kind: 'local'; readonly path: string; readonly mode: CacheMode }
  /** In the configuration of the image itself. */
  | { readonly kind: 'inline' };

/** `min` keeps what the result is made of, `max` every step. Means nothing to `--cache-from`. */
export type CacheMode = 'min' | 'max';

/** What a Dockerfile may ask for only when the caller allows it. */
export type Entitlement = 'security.insecure' | 'network.host' | 'device';

export interface BuildRequest {
  readonly context: BuildContext;
  /** A path inside the context (default `Dockerfile`), or the text itself. */
  readonly dockerfile?: string | { readonly inline: string } | undefined;
  /** `--build-context`: by name, what FROM, COPY --from and --mount=from may name beside stages and images. */
  readonly contexts?: Readonly<Record<string, NamedContext>> | undefined;
  readonly tags?: readonly string[] | undefined;
  /** Undefined as a value means: take the variable from nowhere, as `--build-arg NAME` without a value. */
  readonly buildArgs?: Readonly<Record<string, string | undefined>> | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
  /** `[manifest:|index:|manifest-descriptor:|index-descriptor:]key` to value. */
  readonly annotations?: Readonly<Record<string, string>> | undefined;
  readonly target?: string | undefined;
  /** `os/arch[/variant]` each; several make an index. Empty means the daemon's own. */
  readonly platforms?: readonly string[] | undefined;
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
  /** Default: the image store, under `tags`. */
  readonly outputs?: readonly OutputSpec[] | undefined;
  readonly attestations?: AttestationSpec | undefined;
  /** All layers above the base become one. */
  readonly squash?: boolean | undefined;
  /** A failed RUN step leaves its snapshot, so that a shell can be opened in it. */
  readonly keepFailed?: boolean | undefined;
  /** Credentials for a repository in full, such as `docker.io/library/alpine`. */
  readonly auth?: ((repository: string) => RegistryAuth | undefined) | undefined;
  readonly signal?: AbortSignal | undefined;
}
