import type { Digest } from '#oci';

/** Bytes of distinct contents: blobs and manifests. `total` = `unique` + `shared`. */
export interface ByteAccount {
  readonly total: number;
  /** Of contents that nothing else of the same kind (tag, repository, namespace) has: what its end would free. */
  readonly unique: number;
  readonly shared: number;
}

export interface RepositoryUsage extends ByteAccount {
  readonly repository: string;
  readonly blobs: number;
  readonly manifests: number;
}

export interface NamespaceUsage extends ByteAccount {
  /** First component of the names of its repositories. */
  readonly namespace: string;
  readonly repositories: number;
}

export interface RegistryUsage {
  readonly repositories: number;
  /** Every content counted once. */
  readonly total: number;
}

/**
 * What a tag holds: its manifest, the manifests that lists among them, and the blobs of all these, as far as they are in
 * the repository. Unique is what no other tag, no manifest beside these and no other repository has.
 */
export interface TagUsage extends ByteAccount {
  readonly tag: string;
  readonly digest: Digest;
  readonly manifests: number;
  readonly blobs: number;
}

/** A figure that a recount does not confirm. */
export interface UsageFault {
  readonly of: 'repository' | 'namespace' | 'registry' | 'quota';
  readonly name: string;
  readonly counted: Readonly<Record<string, number>>;
  readonly recounted: Readonly<Record<string, number>>;
}

export interface RecountReport {
  readonly repositories: number;
  readonly namespaces: number;
  readonly quotas: number;
  /** At most a hundred. */
  readonly faults: readonly UsageFault[];
}

interface UsagePage {
  readonly limit: number;
  /** Names after this one. */
  readonly after: string;
}

/**
 * How many bytes are whose. Repositories hold the blobs linked to them and their manifests; the figures are part of the
 * transaction of every change, so that they are exact at every moment.
 */
export interface Accounting {
  registry(): RegistryUsage;
  namespace(namespace: string): NamespaceUsage | undefined;
  namespaces(page: UsagePage): readonly NamespaceUsage[];
  repository(repository: string): RepositoryUsage | undefined;
  /** Repositories of a namespace, or all, in order of name. */
  repositories(page: UsagePage & { readonly namespace?: string | undefined }): readonly RepositoryUsage[];
  tag(repository: string, tag: string): TagUsage | undefined;
  tags(page: UsagePage & { readonly repository: string }): readonly TagUsage[];
  /** Sets all figures to what a recount says, in one transaction. Writes wait for it: seconds in a large registry. */
  repair(): Promise<void>;
  /** Counts everything anew, on a thread of its own, and compares. */
  recount(options?: { readonly signal?: AbortSignal | undefined }): Promise<RecountReport>;
}
