import type { Row, SqlValue } from '#database';
import type {
  Account,
  Permission,
  PersonalToken,
  RefreshToken,
  Session,
  SigningKey,
  StoredGrant,
} from './account-types.ts';

const textIn = (value: SqlValue | undefined): string | undefined =>
  typeof value === 'string' ? value : undefined;

const numberIn = (value: SqlValue | undefined): number | undefined =>
  value === null || value === undefined ? undefined : Number(value);

const jsonIn = <T>(value: SqlValue | undefined): T => JSON.parse(String(value)) as T;

export const accountOf = (row: Row): Account => ({
  name: String(row['name']),
  kind: row['kind'] === 'robot' ? 'robot' : 'user',
  secretHash: textIn(row['secret_hash']),
  administrator: Number(row['administrator']) === 1,
  disabled: Number(row['disabled']) === 1,
  description: String(row['description']),
  origin: textIn(row['origin']),
  groups: jsonIn<readonly string[]>(row['groups']),
  permissions: jsonIn<readonly Permission[]>(row['permissions']),
  createdMs: Number(row['created_ms']),
  expiresMs: numberIn(row['expires_ms']),
  usedMs: numberIn(row['used_ms']),
  generation: Number(row['generation']),
});

export const tokenOf = (row: Row): PersonalToken => ({
  id: String(row['id']),
  owner: String(row['owner']),
  name: String(row['name']),
  digest: String(row['digest']),
  permissions: row['permissions'] === null ? undefined : jsonIn<readonly Permission[]>(row['permissions']),
  createdMs: Number(row['created_ms']),
  expiresMs: numberIn(row['expires_ms']),
  usedMs: numberIn(row['used_ms']),
});

export const grantOf = (row: Row): StoredGrant => ({
  subject: {
    kind: String(row['subject_kind']) as StoredGrant['subject']['kind'],
    name: String(row['subject']),
  },
  pattern: String(row['pattern']),
  role: String(row['role']),
  createdMs: Number(row['created_ms']),
});

export const refreshTokenOf = (row: Row): RefreshToken => ({
  digest: String(row['digest']),
  account: String(row['account']),
  generation: Number(row['generation']),
  tokenId: textIn(row['token_id']),
  service: String(row['service']),
  expiresMs: Number(row['expires_ms']),
});

export const sessionOf = (row: Row): Session => ({
  digest: String(row['digest']),
  account: String(row['account']),
  generation: Number(row['generation']),
  expiresMs: Number(row['expires_ms']),
});

export const signingKeyOf = (row: Row): SigningKey => ({
  id: String(row['id']),
  jwk: String(row['jwk']),
  createdMs: Number(row['created_ms']),
});
