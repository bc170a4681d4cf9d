import type { AccountStore } from '#metadata';
import { identityOf, type Identity } from './identity.ts';
import { makeSecret, REFRESH_TOKEN, secretDigest } from './secrets.ts';

/** What lets clients forget the password: random, stored as a digest, ended with what it came from. */
export interface RefreshTokens {
  /** Undefined for identities that have no account here. */
  make(identity: Identity): Promise<string | undefined>;
  /** Whom it stands for now, as its password did; undefined when it has ended. */
  read(token: string): Identity | undefined;
}

export interface RefreshTokenOptions {
  readonly accounts: AccountStore;
  readonly service: string;
  readonly lifetimeMs: number;
}

/** Refresh tokens in the metadata. */
export const createRefreshTokens = ({
  accounts,
  service,
  lifetimeMs,
}: RefreshTokenOptions): RefreshTokens => ({
  make: async ({ account, token }) => {
    if (account === undefined) return undefined;
    const secret = makeSecret(REFRESH_TOKEN);
    await accounts.addRefreshToken({
      digest: secretDigest(secret),
      account: account.name,
      generation: account.generation,
      tokenId: token?.id,
      service,
      expiresMs: Date.now() + lifetimeMs,
    });
    return secret;
  },
  read: (secret) => {
    if (!secret.startsWith(REFRESH_TOKEN)) return undefined;
    const stored = accounts.refreshToken(secretDigest(secret));
    if (stored === undefined || stored.service !== service || stored.expiresMs <= Date.now())
      return undefined;
    const account = accounts.account(stored.account);
    if (account === undefined || account.generation !== stored.generation) return undefined;
    const token = stored.tokenId === undefined ? undefined : accounts.token(stored.tokenId);
    if (stored.tokenId !== undefined && token === undefined) return undefined;
    const inPerson = token === undefined && account.kind === 'user';
    return identityOf(account, inPerson ? 'session' : 'bearer', token);
  },
});
