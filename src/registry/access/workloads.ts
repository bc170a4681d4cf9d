import type { Permission } from '#metadata';
import type { JWTPayload } from 'jose';
import type { JsonFetch } from './fetch-json.ts';
import type { Identity } from './identity.ts';
import { claimedIssuer, createIssuerKeys, type IssuerKeys, type TrustedIssuer } from './issuer-keys.ts';

/** What a workload may do whose token has these claims. */
export interface WorkloadRule {
  /** Values that claims must have; `*` stands for any characters. */
  readonly claims: Readonly<Record<string, string>>;
  readonly permissions: readonly Permission[];
}

export interface WorkloadIssuer extends TrustedIssuer {
  readonly audience: string;
  readonly rules: readonly WorkloadRule[];
}

/** Knows programs by tokens that other services gave them, such as the jobs of a CI system. */
export interface Workloads {
  /** Whom a token of a trusted issuer proves, with the permissions of every rule that its claims satisfy. */
  prove(token: string): Promise<Identity | undefined>;
}

const MAX_NAME = 200;
const MS = 1_000;

/** Whether the text is what the pattern says, in which `*` stands for any characters. */
const fits = (pattern: string, text: string): boolean => {
  const [first = '', ...rest] = pattern.split('*');
  const last = rest.pop();
  if (last === undefined) return text === pattern;
  if (!text.startsWith(first) || !text.endsWith(last) || text.length < first.length + last.length)
    return false;
  let at = first.length;
  for (const part of rest) {
    const found = text.indexOf(part, at);
    if (found === -1) return false;
    at = found + part.length;
  }
  return at <= text.length - last.length;
};

const valuesOf = (value: unknown): readonly string[] => {
  if (Array.isArray(value)) return value.filter((one): one is string => typeof one === 'string');
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
    ? [String(value)]
    : [];
};

/** Whether each claim that the rule names is there, and one of its values fits. */
export const satisfies = ({ claims }: Pick<WorkloadRule, 'claims'>, payload: JWTPayload): boolean =>
  Object.entries(claims).every(([name, pattern]) =>
    valuesOf(payload[name]).some((value) => fits(pattern, value)),
  );

/** Trust in the issuers given, and in no other. */
export const createWorkloads = (issuers: readonly WorkloadIssuer[], fetch: JsonFetch): Workloads => {
  const known = issuers.map((one): readonly [WorkloadIssuer, IssuerKeys] => [
    one,
    createIssuerKeys(one, fetch),
  ]);
  return {
    prove: async (token) => {
      const claimed = await claimedIssuer(token);
      for (const [trusted, keys] of known.filter(([{ issuer }]) => issuer === claimed)) {
        const payload = await keys.verify(token, trusted.audience);
        if (payload === undefined) continue;
        const permissions = trusted.rules
          .filter((rule) => satisfies(rule, payload))
          .flatMap((rule) => rule.permissions);
        if (permissions.length === 0) continue;
        return {
          name: `oidc:${payload.sub ?? ''}`.slice(0, MAX_NAME),
          kind: 'workload',
          proof: 'token',
          account: undefined,
          groups: [],
          administrator: false,
          permissions,
          untilMs: Number(payload.exp) * MS,
        };
      }
      return undefined;
    },
  };
};
