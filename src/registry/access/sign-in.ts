import { createHash } from 'node:crypto';
import type { Account, AccountStore } from '#metadata';
import type { JWTPayload } from 'jose';
import { addressFor } from './challenge.ts';
import { accessErrors } from './errors.ts';
import type { JsonFetch } from './fetch-json.ts';
import { createIssuerKeys } from './issuer-keys.ts';
import { isUserName } from './names.ts';
import { createPendingSignIns, safeReturn, type PendingSignIn } from './pending-sign-ins.ts';
import { makeSecret, secretDigest } from './secrets.ts';
import type { AccessRequest } from './types.ts';

export interface SignInOptions {
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret?: string | undefined;
  readonly scopes: string;
  /** Claim that names the account. */
  readonly nameClaim: string;
  readonly groupsClaim: string;
  /** Whoever is in one of them administers the registry. */
  readonly administratorGroups: readonly string[];
  readonly sessionLifetimeMs: number;
  readonly publicUrl: string | undefined;
}

/** Where a browser is sent, and the secret that ties it to what it began. */
export interface SignInStart {
  readonly location: string;
  readonly state: string;
}

/** A person who has signed in. */
export interface SignedIn {
  readonly name: string;
  /** Value of the session's cookie. */
  readonly session: string;
  readonly lifetimeMs: number;
  readonly returnTo: string;
}

/** Sign-in of people through an OpenID provider: authorization code with PKCE (OpenID Connect Core 1.0, RFC 7636). */
export interface SignIn {
  /** @throws ACCESS_ISSUER_UNREACHABLE */
  begin(request: AccessRequest, returnTo: string | undefined): Promise<SignInStart>;
  /**
   * What the provider sent the browser back with; `cookie` is the state that the same browser was given.
   *
   * @throws ACCESS_SIGN_IN_FAILED, ACCESS_ISSUER_UNREACHABLE, METADATA_NAME_TAKEN
   */
  finish(query: URLSearchParams, cookie: string | undefined): Promise<SignedIn>;
  /** Ends the session of a cookie. */
  signOut(session: string): Promise<void>;
}

/** Path that the provider sends browsers back to. */
export const CALLBACK_PATH = '/lade/v1/registry/oidc/callback';

const CAUSE = { actor: 'system:sign-in' } as const;
const SESSION = 'ladeses_';
const MAX_GROUPS = 200;

const textOf = (document: Readonly<Record<string, unknown>>, name: string): string => {
  const value = document[name];
  return typeof value === 'string' ? value : '';
};

const groupsIn = (claims: JWTPayload, claim: string): readonly string[] => {
  const value = claims[claim];
  const list: readonly unknown[] = Array.isArray(value) ? value : [value];
  // Names that mean something here cannot be told by a provider.
  return list
    .filter((one): one is string => typeof one === 'string' && one !== 'everyone' && one !== 'anonymous')
    .slice(0, MAX_GROUPS);
};

const failed = (reason: string): Error => accessErrors.signInFailed({ reason });

/** The account of a person: made at the first sign-in, brought up to date at every one. */
const createPeople = (accounts: AccountStore, options: SignInOptions) => {
  const add = async (name: string, origin: string): Promise<void> => {
    if (!isUserName(name))
      throw failed(`the provider calls this person ${JSON.stringify(name.slice(0, 100))}`);
    await accounts.addAccount({ name, kind: 'user', origin }, CAUSE);
  };
  return async (claims: JWTPayload): Promise<Account> => {
    const origin = `${options.issuer} ${claims.sub ?? ''}`;
    if (accounts.accountOfOrigin(origin) === undefined) await add(textOf(claims, options.nameClaim), origin);
    const account = accounts.accountOfOrigin(origin);
    if (account === undefined || account.disabled) throw failed('the account is disabled');
    const groups = groupsIn(claims, options.groupsClaim);
    const administrator =
      options.administratorGroups.length === 0
        ? account.administrator
        : groups.some((group) => options.administratorGroups.includes(group));
    const same = JSON.stringify(groups) === JSON.stringify(account.groups);
    if (!same || administrator !== account.administrator)
      await accounts.changeAccount(account.name, { groups, administrator }, CAUSE);
    return account;
  };
};

export interface SignInParts {
  readonly accounts: AccountStore;
  readonly fetch: JsonFetch;
}

/** Sign-in through one provider. */
export const createSignIn = ({ accounts, fetch }: SignInParts, options: SignInOptions): SignIn => {
  const { issuer, clientId, clientSecret, scopes, sessionLifetimeMs, publicUrl } = options;
  const keys = createIssuerKeys({ issuer }, fetch);
  const pending = createPendingSignIns();
  const personOf = createPeople(accounts, options);

  const redeem = async (code: string, { redirectUri, verifier }: PendingSignIn): Promise<string> => {
    const endpoint = textOf(await keys.discover(), 'token_endpoint');
    const form = new URLSearchParams({
      grant_type: 'authorization_code',
      code,
      redirect_uri: redirectUri,
      client_id: clientId,
      code_verifier: verifier,
    });
    const basic = Buffer.from(`${encodeURIComponent(clientId)}:${encodeURIComponent(clientSecret ?? '')}`);
    const headers = clientSecret === undefined ? {} : { authorization: `Basic ${basic.toString('base64')}` };
    const answer = ((await fetch.post(endpoint, form, headers)) ?? {}) as Readonly<Record<string, unknown>>;
    return textOf(answer, 'id_token');
  };

  const openSession = async (account: Account): Promise<string> => {
    const session = makeSecret(SESSION);
    const expiresMs = Date.now() + sessionLifetimeMs;
    const { name, generation } = account;
    await accounts.addSession({ digest: secretDigest(session), account: name, generation, expiresMs });
    return session;
  };

  return {
    begin: async ({ origin }, returnTo) => {
      const endpoint = textOf(await keys.discover(), 'authorization_endpoint');
      if (!URL.canParse(endpoint)) throw failed('the provider names no place to sign in');
      const redirectUri = `${addressFor(publicUrl, origin)}${CALLBACK_PATH}`;
      const { state, nonce, verifier } = pending.begin(redirectUri, safeReturn(returnTo));
      const location = new URL(endpoint);
      const query = {
        response_type: 'code',
        client_id: clientId,
        redirect_uri: redirectUri,
        scope: scopes,
        state,
        nonce,
        code_challenge: createHash('sha256').update(verifier).digest('base64url'),
        code_challenge_method: 'S256',
      };
      for (const [name, value] of Object.entries(query)) location.searchParams.set(name, value);
      return { location: location.href, state };
    },
    finish: async (query, cookie) => {
      const state = query.get('state') ?? '';
      if (state === '' || state !== cookie) throw failed('it was begun in another browser');
      const begun = pending.take(state);
      if (begun === undefined) throw failed('it took too long, or was ended before');
      const code = query.get('code');
      if (code === null) throw failed(`the provider says ${(query.get('error') ?? 'nothing').slice(0, 100)}`);
      const claims = await keys.verify(await redeem(code, begun), clientId);
      if (claims === undefined) throw failed('the provider vouches for nobody');
      if (claims['nonce'] !== begun.nonce) throw failed('the answer is for another sign-in');
      const azp = claims['azp'];
      if (azp !== undefined && azp !== clientId) throw failed('the answer is for another client');
      const account = await personOf(claims);
      return {
        name: account.name,
        session: await openSession(account),
        lifetimeMs: sessionLifetimeMs,
        returnTo: begun.returnTo,
      };
    },
    signOut: (session) => accounts.removeSession(secretDigest(session)),
  };
};
