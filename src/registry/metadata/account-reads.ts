import type { Database, SqlValue } from '#database';
import { accountOf, grantOf, refreshTokenOf, sessionOf, signingKeyOf, tokenOf } from './account-rows.ts';
import type { AccountStore } from './account-types.ts';

type Reads = Pick<
  AccountStore,
  | 'account'
  | 'accountOfOrigin'
  | 'accounts'
  | 'tokenOfDigest'
  | 'token'
  | 'tokens'
  | 'grants'
  | 'refreshToken'
  | 'session'
  | 'signingKeys'
>;

/** What `AccountStore` reads. */
export const createAccountReads = (database: Database): Reads => {
  const one = <T>(make: (row: Record<string, SqlValue>) => T, sql: string, key: string): T | undefined => {
    const row = database.get(sql, key);
    return row === undefined ? undefined : make(row);
  };
  return {
    account: (name) => one(accountOf, 'SELECT * FROM accounts WHERE name = ?', name),
    accountOfOrigin: (origin) => one(accountOf, 'SELECT * FROM accounts WHERE origin = ?', origin),
    accounts: (kind) =>
      database.all('SELECT * FROM accounts WHERE kind = ? ORDER BY name', kind).map(accountOf),
    tokenOfDigest: (digest) => one(tokenOf, 'SELECT * FROM access_tokens WHERE digest = ?', digest),
    token: (id) => one(tokenOf, 'SELECT * FROM access_tokens WHERE id = ?', id),
    tokens: (owner) =>
      database
        .all(
          'SELECT * FROM access_tokens WHERE ?1 IS NULL OR owner = ?1 ORDER BY created_ms DESC, id',
          owner ?? null,
        )
        .map(tokenOf),
    grants: () => database.all('SELECT * FROM grants ORDER BY subject_kind, subject, pattern').map(grantOf),
    refreshToken: (digest) => one(refreshTokenOf, 'SELECT * FROM refresh_tokens WHERE digest = ?', digest),
    session: (digest) => one(sessionOf, 'SELECT * FROM sessions WHERE digest = ?', digest),
    signingKeys: () =>
      database.all('SELECT * FROM signing_keys ORDER BY created_ms DESC, id').map(signingKeyOf),
  };
};
