import { apiErrors } from './errors.ts';

/** Docker's AuthConfig. */
export interface AuthConfig {
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  readonly email?: string | undefined;
  readonly serveraddress?: string | undefined;
  readonly identitytoken?: string | undefined;
  readonly registrytoken?: string | undefined;
}

const decode = (name: string, value: string): object => {
  let parsed: unknown;
  try {
    parsed = JSON.parse(Buffer.from(value, 'base64').toString('utf8'));
  } catch (error) {
    throw apiErrors.headerInvalid({ name, problem: String(error) });
  }
  if (typeof parsed !== 'object' || parsed === null)
    throw apiErrors.headerInvalid({ name, problem: 'not a JSON object' });
  return parsed;
};

const textOf = (record: object, key: string): string | undefined => {
  const value = (record as Record<string, unknown>)[key];
  return typeof value === 'string' && value !== '' ? value : undefined;
};

const toAuth = (record: object): AuthConfig => {
  const [username, password] = [textOf(record, 'username'), textOf(record, 'password')];
  const [login = '', ...rest] = Buffer.from(textOf(record, 'auth') ?? '', 'base64')
    .toString()
    .split(':');
  return {
    username: username ?? (login === '' ? undefined : login),
    password: password ?? (rest.length === 0 ? undefined : rest.join(':')),
    email: textOf(record, 'email'),
    serveraddress: textOf(record, 'serveraddress'),
    identitytoken: textOf(record, 'identitytoken'),
    registrytoken: textOf(record, 'registrytoken'),
  };
};

/** Header X-Registry-Auth: credentials for the one registry the call talks to. */
export const decodeRegistryAuth = (value: string | undefined): AuthConfig | undefined => {
  if (value === undefined || value === '') return undefined;
  const auth = toAuth(decode('X-Registry-Auth', value));
  return Object.values(auth).some((field) => field !== undefined) ? auth : undefined;
};

/** Header X-Registry-Config: credentials by registry host, for builds. */
export const decodeRegistryConfig = (value: string | undefined): ReadonlyMap<string, AuthConfig> => {
  if (value === undefined || value === '') return new Map();
  const entries = Object.entries(decode('X-Registry-Config', value));
  return new Map(entries.map(([host, record]) => [host, toAuth((record ?? {}) as object)]));
};

/** The form that both headers carry; for clients. */
export const encodeAuthHeader = (value: AuthConfig | Readonly<Record<string, AuthConfig>>): string =>
  Buffer.from(JSON.stringify(value)).toString('base64url');
