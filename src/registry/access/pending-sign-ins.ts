import { randomBytes } from 'node:crypto';

/** A sign-in that somebody began and has not ended yet. */
export interface PendingSignIn {
  /** Secret of PKCE (RFC 7636). */
  readonly verifier: string;
  readonly nonce: string;
  readonly redirectUri: string;
  /** Path to return to. */
  readonly returnTo: string;
  readonly expiresMs: number;
}

export interface PendingSignIns {
  /** Answers the state that it is known by. */
  begin(redirectUri: string, returnTo: string): PendingSignIn & { readonly state: string };
  /** Once; undefined when there is none, or it took too long. */
  take(state: string): PendingSignIn | undefined;
}

const MAX_PENDING = 1_000;
const LIFETIME_MS = 10 * 60_000;

const random = (): string => randomBytes(32).toString('base64url');

/** Only a path of this host, so that nobody is sent elsewhere with what a link says. */
export const safeReturn = (path: string | undefined): string =>
  path !== undefined && /^\/(?![/\\])[\w\-./~%?&=+:@,;#]*$/.test(path) ? path : '/';

/** Sign-ins under way, in memory and bounded; the oldest go first. */
export const createPendingSignIns = (): PendingSignIns => {
  const pending = new Map<string, PendingSignIn>();
  return {
    begin: (redirectUri, returnTo) => {
      const [oldest] = pending.keys();
      if (pending.size >= MAX_PENDING && oldest !== undefined) pending.delete(oldest);
      const expiresMs = Date.now() + LIFETIME_MS;
      const begun = { verifier: random(), nonce: random(), redirectUri, returnTo, expiresMs };
      const state = random();
      pending.set(state, begun);
      return { ...begun, state };
    },
    take: (state) => {
      const found = pending.get(state);
      pending.delete(state);
      return found === undefined || found.expiresMs <= Date.now() ? undefined : found;
    },
  };
};
