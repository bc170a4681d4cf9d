import type { Digest, DigestAlgorithm } from '#oci';
import type { HeaderValues, RequestBody } from '#http';

/** How binding the sentence is that a check stands for. */
export type Level = 'MUST' | 'SHOULD' | 'MAY';

/** One thing that a registry does or does not do. */
export interface Check {
  /** Heading of distribution-spec as its anchor is written, and a number: `pulling-manifests-3`. */
  readonly id: string;
  readonly heading: string;
  readonly level: Level;
  /** What is demanded, in a few words. */
  readonly says: string;
  /** Fails with CONFORMANCE_UNMET or CONFORMANCE_UNSUPPORTED; every other error is a failure too. */
  readonly run: (registry: Probe) => Promise<void>;
}

/** `unsupported`: the registry says that it does not offer this, and need not. */
export type Outcome = 'passed' | 'failed' | 'unsupported';

export interface CheckResult extends Omit<Check, 'run'> {
  readonly outcome: Outcome;
  /** Why it failed or is not supported. */
  readonly reason: string | undefined;
}

export interface ConformanceOptions {
  /** Base URL, such as `http://127.0.0.1:5000`. */
  readonly url: string;
  readonly credentials?: { readonly username: string; readonly password: string } | undefined;
  /** All repositories that are made begin with it; default `conformance`. */
  readonly prefix?: string | undefined;
  /** Only checks whose id begins with it. */
  readonly only?: string | undefined;
  /** Accepts any certificate. */
  readonly insecure?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface ProbeRequest {
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly body?: RequestBody | undefined;
}

/** An answer, read to the end. */
export interface ProbeAnswer {
  readonly status: number;
  readonly headers: HeaderValues;
  readonly body: Buffer;
  /** Undefined when the body is not JSON. */
  readonly json: unknown;
  /** What was asked, for messages. */
  readonly asked: string;
}

export interface ManifestPush {
  readonly repository: string;
  readonly body: string;
  readonly type: string;
  /** A tag or a digest; the digest by default. */
  readonly reference?: string | undefined;
  /** Appended to the path, with its `?`. */
  readonly query?: string | undefined;
}

/** The registry as checks use it. */
export interface Probe {
  /** `target` is a path or a whole URL, as in a Location header. */
  call(method: string, target: string, request?: ProbeRequest): Promise<ProbeAnswer>;
  /** A name that nobody has used. */
  repository(): string;
  /** Pushes a blob in two requests; fails unless it is accepted. */
  blob(repository: string, bytes: Uint8Array | string, algorithm?: DigestAlgorithm): Promise<Digest>;
  /** PUT of a manifest, whatever the answer. */
  manifest(push: ManifestPush): Promise<ProbeAnswer>;
  /** The same value for every check of a run. */
  once<T>(key: string, make: () => Promise<T>): Promise<T>;
}
