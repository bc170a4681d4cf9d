import { readFile } from 'node:fs/promises';
import type { JSONWebKeySet, JWK, JWTPayload } from 'jose';
import { accessErrors } from './errors.ts';
import type { JsonFetch } from './fetch-json.ts';

/** Another service whose tokens count. */
export interface TrustedIssuer {
  readonly issuer: string;
  /** URL or file of its keys; found by discovery (OpenID Connect Discovery 1.0) when absent. */
  readonly keys?: string | undefined;
}

/** Checks tokens of one issuer. */
export interface IssuerKeys {
  /** Claims of a token that is genuine, for this audience and valid now; undefined for every other. */
  verify(token: string, audience: string): Promise<JWTPayload | undefined>;
  /** Its discovery document. @throws ACCESS_ISSUER_UNREACHABLE */
  discover(): Promise<Readonly<Record<string, unknown>>>;
}

const CACHE_MS = 10 * 60_000;
/** Least time between two fetches that unknown key ids cause. */
const COOLDOWN_MS = 30_000;
const MAX_TOKEN = 16 * 1024;

/** The one algorithm of a key: what its owner says, or what its kind is for. Secrets are no keys of issuers. */
const algorithmOf = ({ kty, crv, alg }: JWK): string | undefined => {
  if (kty === 'RSA') return /^(?:RS|PS)(?:256|384|512)$/.test(alg ?? 'RS256') ? (alg ?? 'RS256') : undefined;
  if (kty === 'OKP') return crv === 'Ed25519' ? 'EdDSA' : undefined;
  if (kty !== 'EC') return undefined;
  return { 'P-256': 'ES256', 'P-384': 'ES384', 'P-521': 'ES512' }[crv ?? ''];
};

const pinned = (document: unknown): JSONWebKeySet => {
  const { keys } = (document ?? {}) as { readonly keys?: unknown };
  const list = Array.isArray(keys) ? (keys as readonly JWK[]) : [];
  return {
    keys: list.flatMap((key) => {
      const alg = algorithmOf(key);
      return alg === undefined || (key.use !== undefined && key.use !== 'sig') ? [] : [{ ...key, alg }];
    }),
  };
};

const textIn = (document: Readonly<Record<string, unknown>>, name: string): string => {
  const value = document[name];
  return typeof value === 'string' ? value : '';
};

/** Keys of an issuer, fetched when first needed, kept for minutes, and kept on while the issuer cannot be reached. */
export const createIssuerKeys = ({ issuer, keys }: TrustedIssuer, fetch: JsonFetch): IssuerKeys => {
  let set: JSONWebKeySet | undefined;
  let fetchedMs = 0;
  let fetching: Promise<void> | undefined;

  const discover = async (): Promise<Readonly<Record<string, unknown>>> => {
    const url = `${issuer.replace(/\/+$/, '')}/.well-known/openid-configuration`;
    const document = ((await fetch.get(url)) ?? {}) as Readonly<Record<string, unknown>>;
    if (document['issuer'] === issuer) return document;
    throw accessErrors.issuerUnreachable({ url, reason: 'it speaks for another issuer' });
  };

  const read = async (): Promise<unknown> => {
    if (keys === undefined) return fetch.get(textIn(await discover(), 'jwks_uri'));
    if (/^https?:/.test(keys)) return fetch.get(keys);
    return JSON.parse((await readFile(keys)).toString('utf8'));
  };

  const refresh = (): Promise<void> =>
    (fetching ??= read()
      .then((document) => void (set = pinned(document)))
      .finally(() => {
        fetchedMs = Date.now();
        fetching = undefined;
      }));

  /** Keys that are fresh enough; old ones where new ones cannot be had. */
  const current = async (kid: string | undefined): Promise<JSONWebKeySet> => {
    const age = Date.now() - fetchedMs;
    const known = set?.keys.some((key) => key.kid === kid) === true;
    if (set === undefined || age > CACHE_MS || (!known && age > COOLDOWN_MS)) {
      try {
        await refresh();
      } catch (error) {
        if (set === undefined) throw error;
      }
    }
    return set ?? { keys: [] };
  };

  return {
    discover,
    verify: async (token, audience) => {
      if (token.length > MAX_TOKEN) return undefined;
      const { createLocalJWKSet, decodeProtectedHeader, jwtVerify } = await import('jose');
      let kid: string | undefined;
      try {
        ({ kid } = decodeProtectedHeader(token));
      } catch {
        return undefined;
      }
      const keySet = await current(kid);
      const algorithms = [...new Set(keySet.keys.flatMap(({ alg }) => alg ?? []))];
      try {
        const options = { issuer, audience, algorithms, requiredClaims: ['exp', 'sub'], clockTolerance: 5 };
        return (await jwtVerify(token, createLocalJWKSet(keySet), options)).payload;
      } catch {
        return undefined;
      }
    },
  };
};

/** Issuer that a token says it is from, before anything is believed. */
export const claimedIssuer = async (token: string): Promise<string | undefined> => {
  const { decodeJwt } = await import('jose');
  try {
    return decodeJwt(token).iss;
  } catch {
    return undefined;
  }
};
