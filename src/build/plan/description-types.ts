import type { CheckRule } from '#dockerfile';

/** What a build can be asked for instead of being carried out. */
export type DescriptionCall = 'check' | 'outline' | 'targets';

/** Lines of the Dockerfile, counted from 1. */
export interface Lines {
  readonly first: number;
  readonly last: number;
}

export interface DescribedFinding {
  readonly rule: CheckRule;
  readonly message: string;
  /** Why there is such a check. */
  readonly description: string;
  readonly lines: Lines;
  readonly excerpt: string;
}

export interface DescribedArgument {
  readonly name: string;
  /** Empty when it has none. */
  readonly value: string;
  readonly description: string;
  readonly lines: Lines;
}

export interface DescribedNeed {
  readonly name: string;
  readonly required: boolean;
  readonly lines: Lines;
}

export interface DescribedTarget {
  /** Empty for a stage without a name. */
  readonly name: string;
  readonly description: string;
  readonly isDefault: boolean;
  readonly base: string;
  readonly platform: string;
  readonly lines: Lines;
}

/** The answer to a `DescriptionCall`. */
export type BuildDescription =
  | {
      readonly kind: 'check';
      /** The Dockerfile's name. */
      readonly file: string;
      /** In the order of the lines. */
      readonly findings: readonly DescribedFinding[];
      /** Why the build would fail before its first step. */
      readonly error: { readonly message: string; readonly hint: string } | undefined;
    }
  | {
      readonly kind: 'outline';
      readonly name: string;
      readonly description: string;
      readonly arguments: readonly DescribedArgument[];
      readonly secrets: readonly DescribedNeed[];
      readonly ssh: readonly DescribedNeed[];
      readonly caches: readonly DescribedNeed[];
    }
  | { readonly kind: 'targets'; readonly targets: readonly DescribedTarget[] };
