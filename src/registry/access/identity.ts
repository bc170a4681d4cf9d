import type { Account, Permission, PersonalToken } from '#metadata';
import type { CallerProof } from './types.ts';

/** Who was proved to call, before anything is said of rights. */
export interface Identity {
  readonly name: string;
  readonly kind: 'user' | 'robot' | 'certificate' | 'workload';
  readonly proof: CallerProof;
  /** The record that it stands on; none for what other authorities vouch for. */
  readonly account: Account | undefined;
  /** The personal token that was shown. */
  readonly token?: PersonalToken | undefined;
  readonly groups: readonly string[];
  readonly administrator: boolean;
  /** Given beside grants. */
  readonly permissions: readonly Permission[];
  /** No more than these, whatever else is granted. */
  readonly limits?: readonly Permission[] | undefined;
  /** May do everything: users of a file that knows no rights. */
  readonly unlimited?: boolean | undefined;
  /** Proved by a password in the end, where `proof` is a token that came of it. */
  readonly inPerson?: boolean | undefined;
  /** When what was shown ends. */
  readonly untilMs?: number | undefined;
}

const ended = (expiresMs: number | undefined, nowMs: number): boolean =>
  expiresMs !== undefined && expiresMs <= nowMs;

/** Whether the account may be used now. */
export const isUsable = (account: Account, nowMs: number): boolean =>
  !account.disabled && !ended(account.expiresMs, nowMs);

const earliest = (...times: readonly (number | undefined)[]): number | undefined => {
  const known = times.filter((time) => time !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
};

/** The identity of an account that can be used now; its rights end with the account and the token. */
export const identityOf = (
  account: Account,
  proof: CallerProof,
  token?: PersonalToken,
): Identity | undefined => {
  const nowMs = Date.now();
  if (!isUsable(account, nowMs) || ended(token?.expiresMs, nowMs)) return undefined;
  return {
    name: account.name,
    kind: account.kind,
    proof,
    account,
    token,
    groups: account.groups,
    administrator: account.administrator && token?.permissions === undefined,
    permissions: account.permissions,
    limits: token?.permissions,
    untilMs: earliest(account.expiresMs, token?.expiresMs),
  };
};
