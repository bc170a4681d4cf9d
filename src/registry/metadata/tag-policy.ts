import type { TagPolicy, WriteOnceRule } from './policy-types.ts';
import { compilePattern, type RepositoryPattern } from './repository-pattern.ts';

interface CompiledRule {
  readonly repositories: RepositoryPattern;
  readonly tags: readonly RepositoryPattern[];
  readonly except: readonly RepositoryPattern[];
  readonly deletable: boolean;
}

const compileRule = ({ repositories, tags, except = [], deletion }: WriteOnceRule): CompiledRule => ({
  repositories: compilePattern(repositories),
  tags: tags.map(compilePattern),
  except: except.map(compilePattern),
  deletable: deletion === 'allowed',
});

const holds = (rule: CompiledRule, repository: string, tag: string): boolean =>
  rule.repositories.matches(repository) &&
  rule.tags.some((pattern) => pattern.matches(tag)) &&
  !rule.except.some((pattern) => pattern.matches(tag));

/** Judges tags by rules. @throws METADATA_PATTERN_INVALID */
export const compileTagRules = (
  rules: readonly WriteOnceRule[],
): ((repository: string, tag: string) => TagPolicy) => {
  const compiled = rules.map(compileRule);
  return (repository, tag) => {
    const holding = compiled.filter((rule) => holds(rule, repository, tag));
    return { writeOnce: holding.length > 0, deletable: holding.every((rule) => rule.deletable) };
  };
};
