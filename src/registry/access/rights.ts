import {
  compareSpecificity,
  compilePattern,
  type Permission,
  type RepositoryPattern,
  type StoredGrant,
} from '#metadata';
import { greaterRole, isAction, isRole, roleAllows, type Role } from './roles.ts';
import type { Action } from './types.ts';

/** Who may be granted something: an account by name, and the groups that it is in. */
export interface Principal {
  /** None for who is known by nothing but groups. */
  readonly account: { readonly kind: 'user' | 'robot'; readonly name: string } | undefined;
  /** Told by an OpenID provider or a rule; `everyone` and `anonymous` are not among them. */
  readonly groups: readonly string[];
  /** Logged in: `everyone` counts for people, `anonymous` for all. */
  readonly loggedIn: boolean;
}

/** What one may do to a repository. */
export type May = (action: Action, repository: string) => boolean;

interface Candidate {
  readonly pattern: RepositoryPattern;
  readonly role: Role;
  /** Greater for who is named more exactly. */
  readonly exactness: number;
}

/** Group of whoever logs in, robots not included. */
export const EVERYONE = 'everyone';
/** Group of whoever calls. */
export const ANONYMOUS = 'anonymous';

/** How exactly the grant names the principal: 0 when it is for others. */
const exactnessOf = ({ subject }: StoredGrant, { account, groups, loggedIn }: Principal): number => {
  if (subject.kind !== 'group')
    return account?.kind === subject.kind && account.name === subject.name ? 4 : 0;
  if (subject.name === ANONYMOUS) return 1;
  if (subject.name === EVERYONE) return loggedIn && account?.kind !== 'robot' ? 2 : 0;
  return groups.includes(subject.name) ? 3 : 0;
};

const better = (a: Candidate, b: Candidate): Candidate => {
  const order = compareSpecificity(a.pattern, b.pattern) || a.exactness - b.exactness;
  if (order !== 0) return order > 0 ? a : b;
  return { ...a, role: greaterRole(a.role, b.role) };
};

const roleFor = (candidates: readonly Candidate[], repository: string): Role => {
  let best: Candidate | undefined;
  for (const candidate of candidates)
    if (candidate.pattern.matches(repository))
      best = best === undefined ? candidate : better(best, candidate);
  return best?.role ?? 'none';
};

/** Names of repositories whose answer is remembered for one caller. */
const MAX_REMEMBERED = 1_000;

/** The same answers; those of the repositories asked for last are remembered. */
const remembering = <T>(answer: (repository: string) => T): ((repository: string) => T) => {
  const known = new Map<string, T>();
  return (repository) => {
    const found = known.get(repository);
    if (found !== undefined) return found;
    const [oldest] = known.keys();
    if (known.size >= MAX_REMEMBERED && oldest !== undefined) known.delete(oldest);
    const value = answer(repository);
    known.set(repository, value);
    return value;
  };
};

/**
 * The rights that grants give a principal. Of all grants for it and for its groups the one counts whose pattern is the
 * most specific for the repository (`mostSpecific` of metadata); of equal patterns the one that names the principal more
 * exactly: the account, then a told group, then `everyone`, then `anonymous`; then the greater role.
 */
export const rightsOf = (grants: readonly StoredGrant[], principal: Principal): May => {
  const candidates = grants.flatMap((grant): Candidate[] => {
    const exactness = exactnessOf(grant, principal);
    if (exactness === 0 || !isRole(grant.role)) return [];
    return [{ pattern: compilePattern(grant.pattern), role: grant.role, exactness }];
  });
  const role = remembering((repository) => roleFor(candidates, repository));
  return (action, repository) => roleAllows(role(repository), action);
};

/** The rights that permissions list: any of them suffices. Actions that nobody knows give nothing. */
export const permitted = (permissions: readonly Permission[]): May => {
  const compiled = permissions.map(({ pattern, actions }) => ({
    pattern: compilePattern(pattern),
    actions: new Set(actions.filter(isAction)),
  }));
  return (action, repository) =>
    compiled.some(({ pattern, actions }) => actions.has(action) && pattern.matches(repository));
};
