import type { Cause } from './types.ts';

/** Actions on the repositories of a pattern; what they are is for the reader to say. */
export interface Permission {
  readonly pattern: string;
  readonly actions: readonly string[];
}

/** A person (`user`), or a program that works by itself (`robot`). */
export interface Account {
  readonly name: string;
  readonly kind: 'user' | 'robot';
  /** Proof of the secret, never the secret; none for people who sign in elsewhere. */
  readonly secretHash: string | undefined;
  readonly administrator: boolean;
  readonly disabled: boolean;
  readonly description: string;
  /** Who says who this person is, and what they are called there; none for accounts of this registry. */
  readonly origin: string | undefined;
  /** Groups that the origin told when the person last signed in. */
  readonly groups: readonly string[];
  /** What a robot may do by itself, beside its grants. */
  readonly permissions: readonly Permission[];
  readonly createdMs: number;
  readonly expiresMs: number | undefined;
  readonly usedMs: number | undefined;
  /** Grows when the secret changes: what was issued for an older one counts no more. */
  readonly generation: number;
}

/** What is given of a new account. */
export interface NewAccount {
  readonly name: string;
  readonly kind: Account['kind'];
  readonly secretHash?: string | undefined;
  readonly administrator?: boolean | undefined;
  readonly description?: string | undefined;
  readonly origin?: string | undefined;
  readonly groups?: readonly string[] | undefined;
  readonly permissions?: readonly Permission[] | undefined;
  readonly expiresMs?: number | undefined;
}

/** What is changed of an account; the rest stays. */
export interface AccountChange {
  readonly secretHash?: string | undefined;
  readonly administrator?: boolean | undefined;
  readonly disabled?: boolean | undefined;
  readonly groups?: readonly string[] | undefined;
}

/** A secret that stands for its owner, within its permissions. */
export interface PersonalToken {
  readonly id: string;
  readonly owner: string;
  readonly name: string;
  /** SHA-256 of the token, in hex. */
  readonly digest: string;
  /** None: everything that the owner may. */
  readonly permissions: readonly Permission[] | undefined;
  readonly createdMs: number;
  readonly expiresMs: number | undefined;
  readonly usedMs: number | undefined;
}

/** Whom a grant is for. A group is `everyone`, `anonymous`, or one that an OpenID provider tells. */
export interface GrantSubject {
  readonly kind: 'user' | 'robot' | 'group';
  readonly name: string;
}

export interface StoredGrant {
  readonly subject: GrantSubject;
  readonly pattern: string;
  readonly role: string;
  readonly createdMs: number;
}

/** What lets a client ask for tokens again without a password. */
export interface RefreshToken {
  /** SHA-256 of the token, in hex. */
  readonly digest: string;
  readonly account: string;
  /** The account's generation at that time. */
  readonly generation: number;
  /** The personal token that it was asked for with, if any. */
  readonly tokenId: string | undefined;
  readonly service: string;
  readonly expiresMs: number;
}

/** A person who signed in through an OpenID provider, in a browser. */
export interface Session {
  /** SHA-256 of the cookie, in hex. */
  readonly digest: string;
  readonly account: string;
  readonly generation: number;
  readonly expiresMs: number;
}

/** A key that tokens are signed with, as JWK text with its private part. */
export interface SigningKey {
  readonly id: string;
  readonly jwk: string;
  readonly createdMs: number;
}

/**
 * Accounts, their tokens and sessions, grants, and signing keys. Reads see every write that has resolved; each change is
 * one durable transaction together with its `administer` entry in the journal.
 */
export interface AccountStore {
  account(name: string): Account | undefined;
  accountOfOrigin(origin: string): Account | undefined;
  /** In order of their names. */
  accounts(kind: Account['kind']): readonly Account[];
  /** @throws METADATA_NAME_TAKEN */
  addAccount(account: NewAccount, cause: Cause): Promise<void>;
  /** Whether there was such an account. A new secret ends refresh tokens and sessions. */
  changeAccount(name: string, change: AccountChange, cause: Cause): Promise<boolean>;
  /** Another hash of the same secret: nothing that was issued for it ends. */
  replaceHash(name: string, secretHash: string): Promise<void>;
  /** With its tokens, sessions and grants; whether there was such an account. */
  removeAccount(name: string, cause: Cause): Promise<boolean>;

  tokenOfDigest(digest: string): PersonalToken | undefined;
  token(id: string): PersonalToken | undefined;
  /** Of one owner, or of everybody; the newest first. */
  tokens(owner: string | undefined): readonly PersonalToken[];
  /** @throws METADATA_NAME_TAKEN when the owner has one of this name */
  addToken(token: Omit<PersonalToken, 'createdMs' | 'usedMs'>, cause: Cause): Promise<void>;
  /** With the refresh tokens that it was used for; whether there was one. */
  removeToken(token: PersonalToken, cause: Cause): Promise<boolean>;

  /** In order of subject and pattern. */
  grants(): readonly StoredGrant[];
  /** Sets the role of a subject for a pattern. */
  putGrant(grant: Omit<StoredGrant, 'createdMs'>, cause: Cause): Promise<void>;
  removeGrant(grant: Pick<StoredGrant, 'subject' | 'pattern'>, cause: Cause): Promise<boolean>;

  refreshToken(digest: string): RefreshToken | undefined;
  addRefreshToken(token: RefreshToken): Promise<void>;
  removeRefreshToken(digest: string): Promise<void>;

  session(digest: string): Session | undefined;
  addSession(session: Session): Promise<void>;
  removeSession(digest: string): Promise<void>;

  /** The newest first. */
  signingKeys(): readonly SigningKey[];
  addSigningKey(key: SigningKey, cause: Cause): Promise<void>;
  removeSigningKey(id: string, cause: Cause): Promise<void>;

  /** Remembers when an account and a token were used; written without waiting for the disk. */
  used(use: {
    readonly account: string;
    readonly tokenId: string | undefined;
    readonly atMs: number;
  }): Promise<void>;
  /** Removes refresh tokens and sessions that have ended. */
  dropExpired(nowMs: number): Promise<void>;
  /** Grows with every change of accounts, tokens, sessions and grants. */
  version(): number;
}
