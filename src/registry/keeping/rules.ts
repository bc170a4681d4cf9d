import { compilePattern, mostSpecific, type RepositoryPattern } from '#metadata';

/** Keeps the tags that match, as long as one of its conditions holds; without a condition for ever. */
export interface TagKeeper {
  /** Patterns of tags; all when absent. */
  readonly tags?: readonly string[] | undefined;
  /** The newest so many by their last push. */
  readonly lastPushed?: number | undefined;
  /** The so many that were pulled last. */
  readonly lastPulled?: number | undefined;
  readonly pushedWithinMs?: number | undefined;
  readonly pulledWithinMs?: number | undefined;
}

/** Keeps manifests without a tag as long as one of its conditions holds. */
export interface UntaggedKeeper {
  /** Since the last tag or index let go of it, or since it was pushed. */
  readonly releasedWithinMs?: number | undefined;
  readonly pulledWithinMs?: number | undefined;
}

/** What the repositories that match keep. The rule whose pattern is the most specific counts alone. */
export interface RetentionRule {
  readonly repositories: readonly string[];
  /** A tag goes when at least one keeper's patterns match it and none of those keeps it. */
  readonly tags?: readonly TagKeeper[] | undefined;
  /** Absent: for ever. */
  readonly untagged?: UntaggedKeeper | undefined;
}

/** Finds the rule of a repository. */
export type RuleOf = (repository: string) => RetentionRule | undefined;

/** @throws METADATA_PATTERN_INVALID */
export const createRuleOf = (rules: readonly RetentionRule[]): RuleOf => {
  const entries = rules.flatMap((rule) =>
    rule.repositories.map((text) => ({ pattern: compilePattern(text), rule })),
  );
  return (repository) => mostSpecific(entries, repository)?.rule;
};

/** Patterns of tags, compiled once each. */
export const createTagPatterns = (): ((text: string) => RepositoryPattern) => {
  const known = new Map<string, RepositoryPattern>();
  return (text) => {
    const found = known.get(text) ?? compilePattern(text);
    known.set(text, found);
    return found;
  };
};
