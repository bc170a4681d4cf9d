import type { AccessRequest, Need } from './types.ts';
import { CATALOG } from './scopes.ts';

export interface ChallengeOptions {
  /** Where tokens are made, if that is not beneath the address that the client called. */
  readonly realm: string | undefined;
  /** Address by which clients know this registry, such as `https://registry.example`. */
  readonly publicUrl: string | undefined;
  readonly service: string;
}

/** Only what can stand between quotes of a header, and is a host. */
const ORIGIN = /^https?:\/\/[A-Za-z0-9.:[\]_-]{1,255}$/;

const scopeOf = (need: Need): readonly string[] => {
  if (need.kind === 'repository') return [`repository:${need.repository}:${need.actions.join(',')}`];
  return need.kind === 'catalog' ? [`registry:${CATALOG}:*`] : [];
};

/** Path at which this registry makes tokens. */
export const TOKEN_PATH = '/token';

/** Where the client finds the registry: the configured address, or the one that it called. */
export const addressFor = (publicUrl: string | undefined, origin: string | undefined): string => {
  if (publicUrl !== undefined) return publicUrl.replace(/\/+$/, '');
  return origin !== undefined && ORIGIN.test(origin) ? origin : 'http://localhost';
};

/** A Bearer challenge (distribution's token specification) for what a request needs. */
export const bearerChallenge = (
  { realm, publicUrl, service }: ChallengeOptions,
  needs: readonly Need[],
  { origin, authorization }: Pick<AccessRequest, 'origin' | 'authorization'>,
): string => {
  const where = realm ?? `${addressFor(publicUrl, origin)}${TOKEN_PATH}`;
  const scopes = needs.flatMap(scopeOf).join(' ');
  const scope = scopes === '' ? '' : `,scope="${scopes}"`;
  const error = /^Bearer /i.test(authorization ?? '')
    ? `,error="${scopes === '' ? 'invalid_token' : 'insufficient_scope'}"`
    : '';
  return `Bearer realm="${where}",service="${service}"${scope}${error}`;
};
