/** Tags that never move once they are there. */
export interface WriteOnceRule {
  /** Pattern of repositories. */
  readonly repositories: string;
  /** Patterns of tags. */
  readonly tags: readonly string[];
  /** Patterns of tags that the rule does not hold for. */
  readonly except?: readonly string[] | undefined;
  /** Whether such a tag can be deleted; afterwards it may be pushed again, to anything. Refused unless given. */
  readonly deletion?: 'refused' | 'allowed' | undefined;
}

/** What may be done to a tag that is there. */
export interface TagPolicy {
  readonly writeOnce: boolean;
  readonly deletable: boolean;
}

/** A bound on the bytes of repositories; contents that several of them hold count once. */
export interface QuotaRule {
  /** Pattern of repositories. */
  readonly repositories: string;
  readonly bytes: number;
  /** For all that match together (`rule`, unless given), or for each namespace or repository among them by itself. */
  readonly each?: 'rule' | 'namespace' | 'repository' | undefined;
}

/** Where a quota stands. */
export interface QuotaUsage {
  /** Pattern of the rule. */
  readonly repositories: string;
  /** The namespace or repository that it is counted for; absent when it is for all that match. */
  readonly scope: string | undefined;
  readonly used: number;
  readonly limit: number;
}

export interface PolicyRules {
  readonly writeOnce?: readonly WriteOnceRule[] | undefined;
  readonly quotas?: readonly QuotaRule[] | undefined;
}

/**
 * Rules that writes keep to, inside their transaction. Several quotas that cover a repository all hold; a tag is
 * write-once when any rule says so.
 */
export interface Policies {
  /**
   * Replaces all rules. Writes that are called from now on keep to them; what is there already stays, also above a quota.
   *
   * @throws METADATA_PATTERN_INVALID
   */
  configure(rules: PolicyRules): Promise<void>;
  tag(repository: string, tag: string): TagPolicy;
  /** Every quota that has a repository, in the order of the rules. */
  quotas(): readonly QuotaUsage[];
  /** The quotas that hold for a repository, whether it exists or not. */
  quotasOf(repository: string): readonly QuotaUsage[];
  /** @throws METADATA_QUOTA_EXCEEDED when so many bytes more would not fit now */
  requireRoom(repository: string, bytes: number): void;
}
