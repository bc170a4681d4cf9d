import { randomBytes } from 'node:crypto';
import type { AccountStore, Cause } from '#metadata';
import type { CryptoKey, JWK } from 'jose';

/** The algorithm of every token made here; no other is ever accepted for them. */
export const OWN_ALGORITHM = 'ES256';

interface LoadedKey {
  readonly id: string;
  readonly secret: CryptoKey;
  readonly open: CryptoKey;
  readonly createdMs: number;
}

/** The keys of this registry's tokens. */
export interface SigningKeys {
  /** The newest one, made when there is none or when it is too old. */
  current(): Promise<LoadedKey>;
  /** For verifying; undefined for a key that never was or is no more. */
  find(id: string): Promise<CryptoKey | undefined>;
  /** Public parts, as a JWK set. */
  published(): Promise<{ readonly keys: readonly JWK[] }>;
  /** Makes a new key now; older ones verify until their tokens have ended, or not at all any more with `drop`. */
  rotate(drop: boolean, cause: Cause): Promise<void>;
}

export interface SigningKeyOptions {
  readonly accounts: Pick<AccountStore, 'signingKeys' | 'addSigningKey' | 'removeSigningKey' | 'version'>;
  /** Age at which a key is replaced. */
  readonly rotateMs: number;
  /** Time that a replaced key still verifies. */
  readonly keepMs: number;
}

/** Of what happens because a key is too old. */
const OF_AGE: Cause = { actor: 'system:access' };

/** Only what everybody may know. */
const publicPart = ({ crv, x, y }: JWK, id: string): JWK => ({
  kty: 'EC',
  ...(crv === undefined ? {} : { crv }),
  ...(x === undefined ? {} : { x }),
  ...(y === undefined ? {} : { y }),
  kid: id,
  alg: OWN_ALGORITHM,
  use: 'sig',
});

/** Keys in the metadata; private parts never leave the process otherwise. */
export const createSigningKeys = ({ accounts, rotateMs, keepMs }: SigningKeyOptions): SigningKeys => {
  const loaded = new Map<string, LoadedKey>();
  let making: Promise<void> | undefined;
  let version = -1;

  /** Removes keys that were replaced before a time: none of their tokens counts any more. */
  const dropEnded = async (beforeMs: number, cause: Cause): Promise<void> => {
    const keys = accounts.signingKeys();
    for (const [index, { id }] of keys.entries()) {
      const successor = keys[index - 1];
      if (successor !== undefined && successor.createdMs <= beforeMs)
        await accounts.removeSigningKey(id, cause);
    }
  };

  const make = async (cause: Cause): Promise<void> => {
    const { generateKeyPair, exportJWK } = await import('jose');
    const { privateKey } = await generateKeyPair(OWN_ALGORITHM, { extractable: true });
    const [id, createdMs] = [randomBytes(9).toString('base64url'), Date.now()];
    await accounts.addSigningKey({ id, jwk: JSON.stringify(await exportJWK(privateKey)), createdMs }, cause);
    await dropEnded(createdMs - keepMs, OF_AGE);
  };

  const load = async (id: string): Promise<LoadedKey | undefined> => {
    const seen = accounts.version();
    if (version !== seen) loaded.clear();
    version = seen;
    const known = loaded.get(id);
    if (known !== undefined) return known;
    const stored = accounts.signingKeys().find((key) => key.id === id);
    if (stored === undefined) return undefined;
    const { importJWK } = await import('jose');
    const jwk = JSON.parse(stored.jwk) as JWK;
    const [secret, open] = await Promise.all([
      importJWK(jwk, OWN_ALGORITHM),
      importJWK(publicPart(jwk, id), OWN_ALGORITHM),
    ]);
    if (secret instanceof Uint8Array || open instanceof Uint8Array) return undefined;
    const key = { id, secret, open, createdMs: stored.createdMs };
    // A key that was removed while it was imported must not be found again.
    if (accounts.version() === seen) loaded.set(id, key);
    return key;
  };

  const rotate = (cause: Cause): Promise<void> =>
    (making ??= make(cause).finally(() => {
      making = undefined;
    }));

  const current = async (): Promise<LoadedKey> => {
    const [newest] = accounts.signingKeys();
    if (newest === undefined || newest.createdMs < Date.now() - rotateMs) await rotate(OF_AGE);
    const key = await load(accounts.signingKeys()[0]?.id ?? '');
    if (key === undefined) throw new Error('a signing key that was just written cannot be read');
    return key;
  };

  return {
    current,
    find: async (id) => (await load(id))?.open,
    published: async () => {
      await current();
      return {
        keys: accounts.signingKeys().map(({ id, jwk }) => publicPart(JSON.parse(jwk) as JWK, id)),
      };
    },
    rotate: async (drop, cause) => {
      await rotate(cause);
      if (drop) await dropEnded(Number.POSITIVE_INFINITY, cause);
    },
  };
};
