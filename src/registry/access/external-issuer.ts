import type { JsonFetch } from './fetch-json.ts';
import { createIssuerKeys, type TrustedIssuer } from './issuer-keys.ts';
import type { Proven } from './proven-headers.ts';
import { accessOf, type AccessEntry } from './scopes.ts';

export interface ExternalIssuerOptions extends TrustedIssuer {
  readonly audience: string;
}

/** Takes tokens that another token service made for this registry. */
export interface ExternalIssuer {
  readonly issuer: string;
  prove(token: string): Promise<Proven | undefined>;
}

const MS = 1_000;

const isEntry = (value: unknown): value is AccessEntry => {
  const { type, name, actions } = (value ?? {}) as Partial<Record<keyof AccessEntry, unknown>>;
  return (
    typeof type === 'string' &&
    typeof name === 'string' &&
    Array.isArray(actions) &&
    actions.every((action) => typeof action === 'string')
  );
};

/** Its tokens say themselves what they give access to (distribution's `access` claim); grants add nothing. */
export const createExternalIssuer = (options: ExternalIssuerOptions, fetch: JsonFetch): ExternalIssuer => {
  const keys = createIssuerKeys(options, fetch);
  return {
    issuer: options.issuer,
    prove: async (token) => {
      const payload = await keys.verify(token, options.audience);
      if (payload === undefined) return undefined;
      const claim = payload['access'];
      const { repository, catalog } = accessOf(Array.isArray(claim) ? claim.filter(isEntry) : []);
      const name = payload.sub ?? '';
      const caller = {
        // No account is called so: its own names mean nothing here.
        name: name === '' ? 'anonymous' : `external:${name}`,
        kind: name === '' ? 'anonymous' : 'user',
        proof: 'bearer',
        loggedIn: name !== '',
        administrator: false,
        lists: catalog,
        may: repository,
        // Nobody here knows what it would say in another token, so that a client is told to ask for one.
        mayOtherwise: () => true,
        sees: (one: string) => catalog || repository('pull', one),
      } as const;
      return { caller, untilMs: Number(payload.exp) * MS };
    },
  };
};
