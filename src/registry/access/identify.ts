import type { AccountStore } from '#metadata';
import { parseBasic, type Credentials } from './basic.ts';
import { certificateIdentity, type CertificateName } from './certificates.ts';
import { cookieValue, SESSION_COOKIE } from './cookies.ts';
import type { Directory } from './directory.ts';
import { accessErrors } from './errors.ts';
import type { FailedLogins } from './failed-logins.ts';
import type { Identity } from './identity.ts';
import { WORKLOAD_NAME } from './names.ts';
import type { OwnTokens } from './own-tokens.ts';
import type { RefreshTokens } from './refresh-tokens.ts';
import { REFRESH_TOKEN } from './secrets.ts';
import { sessionIdentity } from './sessions.ts';
import type { AccessRequest } from './types.ts';
import type { Workloads } from './workloads.ts';

export interface IdentifyParts {
  readonly accounts: AccountStore;
  readonly directory: Directory;
  readonly failures: FailedLogins;
  readonly tokens: OwnTokens;
  readonly workloads: Workloads;
  readonly refresh: RefreshTokens;
  readonly certificates: CertificateName | undefined;
}

/** Whom a request's own credentials prove. Undefined where it shows none. @throws ACCESS_UNAUTHORIZED, ACCESS_THROTTLED */
export type Identify = (request: AccessRequest) => Promise<Identity | undefined>;

/** Basic credentials of people, robots and workloads; else a client certificate; else a browser's session. */
export const createIdentify = (parts: IdentifyParts): Identify => {
  const { accounts, directory, failures, tokens, workloads, refresh, certificates } = parts;

  /** A token of its own issuer, or one that it was exchanged for. */
  const byWorkloadToken = async (token: string): Promise<Identity | undefined> => {
    const own = await tokens.read(token);
    if (own === undefined) return workloads.prove(token);
    const { identity, untilMs, access } = own;
    return identity?.kind === 'workload' && access === undefined ? { ...identity, untilMs } : undefined;
  };

  /** Some clients send what `docker login` keeps as if it were the password. */
  const byRefreshToken = ({ name, password }: Credentials): Identity | undefined => {
    const identity = refresh.read(password);
    return identity?.name === name ? identity : undefined;
  };

  const prove = async (credentials: Credentials, address: string): Promise<Identity | undefined> => {
    try {
      const { name, password } = credentials;
      if (name === WORKLOAD_NAME) return await byWorkloadToken(password);
      if (password.startsWith(REFRESH_TOKEN)) return byRefreshToken(credentials);
      return await directory.prove(credentials, address);
    } catch (error) {
      if (accessErrors.throttled.is(error))
        failures.record({ name: credentials.name, address, reason: 'too many failed logins' });
      throw error;
    }
  };

  const byBasic = async (header: string, address: string): Promise<Identity> => {
    const credentials = parseBasic(header);
    if (credentials === undefined) throw accessErrors.unauthorized({});
    const identity = await prove(credentials, address);
    if (identity !== undefined) return identity;
    failures.record({ name: credentials.name, address, reason: 'wrong name or password' });
    throw accessErrors.unauthorized({});
  };

  return async ({ authorization, address, certificate, cookie }) => {
    if (authorization !== undefined) return byBasic(authorization, address);
    if (certificate !== undefined && certificates !== undefined)
      return certificateIdentity(accounts, certificate, certificates);
    const session = cookieValue(cookie, SESSION_COOKIE);
    return session === undefined ? undefined : sessionIdentity(accounts, session);
  };
};
