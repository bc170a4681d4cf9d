import { createHash, randomUUID } from 'node:crypto';
import type { JWTPayload } from 'jose';
import type { Account, AccountStore, Permission, PersonalToken } from '#metadata';
import type { HtpasswdFile } from './htpasswd-file.ts';
import { identityOf, type Identity } from './identity.ts';
import type { AccessEntry } from './scopes.ts';
import { OWN_ALGORITHM, type SigningKeys } from './signing-keys.ts';

/** A token of this registry that was found to be genuine, and whom it stands for. */
export interface OwnToken {
  /** None: for the anonymous caller. */
  readonly identity: Identity | undefined;
  /** None: everything that the identity may. */
  readonly access: readonly AccessEntry[] | undefined;
  readonly untilMs: number;
  /** The identity showed a password, its own or in a browser, and no token. */
  readonly inPerson: boolean;
}

export interface TokenRequest {
  readonly identity: Identity | undefined;
  readonly access: readonly AccessEntry[] | undefined;
  readonly lifetimeMs: number;
}

export interface MadeToken {
  readonly token: string;
  readonly issuedMs: number;
  readonly lifetimeMs: number;
}

/** Makes and checks this registry's own tokens. */
export interface OwnTokens {
  make(request: TokenRequest): Promise<MadeToken>;
  /** Undefined for whatever is not a token of this registry that counts now. */
  read(token: string): Promise<OwnToken | undefined>;
}

export interface OwnTokenOptions {
  readonly accounts: AccountStore;
  readonly htpasswd: HtpasswdFile | undefined;
  readonly htpasswdUnlimited: boolean;
  readonly keys: SigningKeys;
  readonly issuer: string;
  /** The audience. */
  readonly service: string;
}

/** What a token says of its subject beside the standard claims, so that it ends with what it stands on. */
interface Standing {
  readonly kind: Identity['kind'];
  /** The account's generation, or a digest of the hash in the htpasswd file. */
  readonly generation?: number | string | undefined;
  /** The personal token that it was got with. */
  readonly token?: string | undefined;
  /** Of a workload, which has no account. */
  readonly permissions?: readonly Permission[] | undefined;
  readonly inPerson?: boolean | undefined;
}

const MS = 1_000;

const stampOf = (hash: string): string => createHash('sha256').update(hash).digest('base64url').slice(0, 16);

const IN_PERSON: ReadonlySet<string> = new Set(['password', 'session', 'certificate']);

/** ES256 tokens, bound to this issuer and audience, and to what their subject stands on. */
export const createOwnTokens = (options: OwnTokenOptions): OwnTokens => {
  const { accounts, htpasswd, htpasswdUnlimited, keys, issuer, service } = options;

  const standingOf = async (identity: Identity): Promise<Standing> => {
    const { kind, account, token, permissions, proof, inPerson } = identity;
    const base = { kind, inPerson: inPerson ?? IN_PERSON.has(proof) };
    if (account !== undefined) return { ...base, generation: account.generation, token: token?.id };
    if (kind === 'workload') return { ...base, permissions };
    if (kind === 'certificate') return base;
    const hash = await htpasswd?.hashOf(identity.name);
    return { ...base, generation: hash === undefined ? undefined : stampOf(hash) };
  };

  const ofAccount = (account: Account, standing: Standing): Identity | undefined => {
    if (account.generation !== standing.generation) return undefined;
    const token: PersonalToken | undefined =
      standing.token === undefined ? undefined : accounts.token(standing.token);
    if (standing.token !== undefined && token?.owner !== account.name) return undefined;
    return identityOf(account, 'bearer', token);
  };

  const ofFile = async (name: string, standing: Standing): Promise<Identity | undefined> => {
    const hash = await htpasswd?.hashOf(name);
    if (hash === undefined || stampOf(hash) !== standing.generation) return undefined;
    return {
      name,
      kind: 'user',
      proof: 'bearer',
      account: undefined,
      groups: [],
      administrator: htpasswdUnlimited,
      permissions: [],
      unlimited: htpasswdUnlimited,
    };
  };

  const foreign = (name: string, { kind, permissions = [] }: Standing): Identity => ({
    name,
    kind,
    proof: 'bearer',
    account: undefined,
    groups: [],
    administrator: false,
    permissions,
  });

  const identityFor = async (name: string, standing: Standing): Promise<Identity | undefined> => {
    if (standing.kind === 'workload') return foreign(name, standing);
    const account = accounts.account(name);
    if (standing.kind === 'certificate') {
      if (account === undefined) return foreign(name, standing);
      const identity = identityOf(account, 'bearer');
      return identity === undefined ? undefined : { ...identity, kind: 'certificate' };
    }
    return account === undefined ? ofFile(name, standing) : ofAccount(account, standing);
  };

  /** Signature, issuer, audience and times; undefined where anything is wrong. */
  const verified = async (token: string): Promise<JWTPayload | undefined> => {
    const { decodeProtectedHeader, jwtVerify } = await import('jose');
    try {
      const key = await keys.find(decodeProtectedHeader(token).kid ?? '');
      if (key === undefined) return undefined;
      const { payload } = await jwtVerify(token, key, {
        issuer,
        audience: service,
        algorithms: [OWN_ALGORITHM],
        typ: 'JWT',
        requiredClaims: ['sub', 'exp', 'nbf', 'jti'],
      });
      return payload;
    } catch {
      return undefined;
    }
  };

  return {
    make: async ({ identity, access, lifetimeMs }) => {
      const { SignJWT } = await import('jose');
      const key = await keys.current();
      const issuedMs = Date.now();
      const now = Math.floor(issuedMs / MS);
      const lifetime = Math.floor(lifetimeMs / MS);
      const standing = identity === undefined ? undefined : await standingOf(identity);
      const token = await new SignJWT({
        ...(access === undefined ? {} : { access }),
        ...(standing === undefined ? {} : { lade: standing }),
      })
        .setProtectedHeader({ alg: OWN_ALGORITHM, typ: 'JWT', kid: key.id })
        .setIssuer(issuer)
        .setSubject(identity?.name ?? '')
        .setAudience(service)
        .setIssuedAt(now)
        .setNotBefore(now)
        .setExpirationTime(now + lifetime)
        .setJti(randomUUID())
        .sign(key.secret);
      return { token, issuedMs, lifetimeMs: lifetime * MS };
    },
    read: async (token) => {
      const payload = await verified(token);
      if (payload === undefined) return undefined;
      const standing = payload['lade'] as Standing | undefined;
      const access = payload['access'] as readonly AccessEntry[] | undefined;
      const untilMs = Number(payload.exp) * MS;
      if (standing === undefined)
        return payload.sub === ''
          ? { identity: undefined, access: access ?? [], untilMs, inPerson: false }
          : undefined;
      const identity = await identityFor(payload.sub ?? '', standing);
      if (identity === undefined) return undefined;
      return { identity, access, untilMs, inPerson: standing.inPerson === true };
    },
  };
};
