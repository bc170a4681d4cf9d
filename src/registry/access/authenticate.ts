import { parseBearer } from './basic.ts';
import type { Callers } from './callers.ts';
import { accessErrors } from './errors.ts';
import type { Identify } from './identify.ts';
import type { Identity } from './identity.ts';
import { createProvenHeaders, type Proven } from './proven-headers.ts';
import type { AccessControl, AccessRequest, Caller } from './types.ts';

export interface AuthenticateParts {
  readonly callers: Callers;
  readonly identify: Identify;
  /** Whom a Bearer token proves. @throws ACCESS_UNAUTHORIZED */
  readonly byBearer: (token: string) => Promise<Proven>;
  /** Grows with every change that may matter to whoever was proved before. */
  readonly version: () => number;
  readonly noteUse: (identity: Identity) => void;
}

const FOREVER = Number.POSITIVE_INFINITY;

/** Finds the caller of a request; an Authorization header is proved once, and then remembered. */
export const createAuthenticate = (parts: AuthenticateParts): AccessControl['authenticate'] => {
  const { callers, identify, byBearer, noteUse } = parts;
  const proven = createProvenHeaders(parts.version);

  const prove = async (header: string, request: AccessRequest): Promise<Caller> => {
    const version = parts.version();
    const token = parseBearer(header);
    if (token !== undefined) {
      const found = await byBearer(token);
      proven.add(header, found, version);
      return found.caller;
    }
    const identity = await identify(request);
    if (identity === undefined) throw accessErrors.unauthorized({});
    const caller = callers.of(identity);
    const onUse = (): void => noteUse(identity);
    proven.add(header, { caller, untilMs: identity.untilMs ?? FOREVER, onUse }, version);
    return caller;
  };

  return async (request) => {
    const { authorization } = request;
    if (authorization !== undefined) return proven.find(authorization) ?? prove(authorization, request);
    const identity = await identify(request);
    return identity === undefined ? callers.anonymous() : callers.of(identity);
  };
};
