import type { AccountStore, StoredGrant } from '#metadata';
import type { Identity } from './identity.ts';
import { permitted, rightsOf, type May } from './rights.ts';
import type { Caller } from './types.ts';

/** Says what proved identities may do, by the grants of the moment. */
export interface Callers {
  of(identity: Identity): Caller;
  anonymous(): Caller;
}

/** Rights of an identity, by the grants given. */
const mayOf = (identity: Identity, grants: readonly StoredGrant[]): May => {
  const { name, kind, account, groups, permissions, limits, unlimited } = identity;
  const within = limits === undefined ? () => true : permitted(limits);
  if (account?.administrator === true || unlimited === true) return within;
  const accountKind = account?.kind ?? (kind === 'robot' ? 'robot' : 'user');
  const principal = {
    account: kind === 'workload' ? undefined : { kind: accountKind, name },
    groups,
    loggedIn: kind !== 'workload',
  };
  const granted = rightsOf(grants, principal);
  const own = permitted(permissions);
  return (action, repository) =>
    (granted(action, repository) || own(action, repository)) && within(action, repository);
};

/** Callers by the grants in the metadata; grants are read again after a change. */
export const createCallers = (accounts: AccountStore): Callers => {
  let version = -1;
  let grants: readonly StoredGrant[] = [];
  let anonymous: Caller | undefined;

  const refresh = (): void => {
    if (version === accounts.version()) return;
    version = accounts.version();
    grants = accounts.grants();
    anonymous = undefined;
  };

  const anonymousCaller = (): Caller => ({
    name: 'anonymous',
    kind: 'anonymous',
    loggedIn: false,
    may: rightsOf(grants, { account: undefined, groups: [], loggedIn: false }),
    administrator: false,
  });

  return {
    of: (identity) => {
      refresh();
      const { name, kind, proof, administrator } = identity;
      return { name, kind, proof, loggedIn: true, may: mayOf(identity, grants), administrator };
    },
    anonymous: () => {
      refresh();
      return (anonymous ??= anonymousCaller());
    },
  };
};
