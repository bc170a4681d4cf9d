import type { AccountStore } from '#metadata';
import { identityOf, type Identity } from './identity.ts';
import { secretDigest } from './secrets.ts';

/** Whom the cookie of a session stands for; undefined when it has ended. */
export const sessionIdentity = (accounts: AccountStore, cookie: string): Identity | undefined => {
  const session = accounts.session(secretDigest(cookie));
  if (session === undefined || session.expiresMs <= Date.now()) return undefined;
  const account = accounts.account(session.account);
  return account === undefined || account.generation !== session.generation
    ? undefined
    : identityOf(account, 'session');
};
