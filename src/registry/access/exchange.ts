import { accessErrors } from './errors.ts';
import { WORKLOAD_NAME } from './names.ts';
import type { OwnTokens } from './own-tokens.ts';
import type { Workloads } from './workloads.ts';

/** What a workload gets for its own token. */
export interface Exchanged {
  /** For `Authorization: Bearer`, and as the password of `username` for `docker login`. */
  readonly token: string;
  readonly username: string;
  readonly expires_in: number;
  readonly permissions: readonly { readonly pattern: string; readonly actions: readonly string[] }[];
}

/** Exchanges tokens of trusted issuers for short ones of this registry. */
export interface Exchange {
  /** @throws ACCESS_UNAUTHORIZED */
  exchange(token: string, address: string): Promise<Exchanged>;
}

export interface ExchangeParts {
  readonly workloads: Workloads;
  readonly tokens: OwnTokens;
  readonly lifetimeMs: number;
  readonly onFailure: (address: string) => void;
}

/** The exchange over the rules of the settings. */
export const createExchange = ({ workloads, tokens, lifetimeMs, onFailure }: ExchangeParts): Exchange => ({
  exchange: async (token, address) => {
    const identity = await workloads.prove(token);
    if (identity === undefined) {
      onFailure(address);
      throw accessErrors.unauthorized({});
    }
    const leftMs = (identity.untilMs ?? Number.POSITIVE_INFINITY) - Date.now();
    const made = await tokens.make({
      identity,
      access: undefined,
      lifetimeMs: Math.min(lifetimeMs, leftMs),
    });
    return {
      token: made.token,
      username: WORKLOAD_NAME,
      expires_in: Math.round(made.lifetimeMs / 1_000),
      permissions: identity.permissions,
    };
  },
});
