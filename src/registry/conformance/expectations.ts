import { conformanceErrors } from './errors.ts';
import type { ProbeAnswer } from './types.ts';

/** Value of a header that occurs once; several become a list, as RFC 9110 joins them. */
export const headerOf = ({ headers }: ProbeAnswer, name: string): string | undefined => {
  const value = headers[name.toLowerCase()];
  return value === undefined || typeof value === 'string' ? value : value.join(', ');
};

/** @throws CONFORMANCE_UNMET */
export const demand = (holds: boolean, found: string): void => {
  if (!holds) throw conformanceErrors.unmet({ found });
};

/** Ends a check of something that a registry need not offer. @throws CONFORMANCE_UNSUPPORTED */
export const unsupported = (what: string): never => {
  throw conformanceErrors.unsupported({ what });
};

export const demandStatus = (answer: ProbeAnswer, ...wanted: readonly number[]): void =>
  demand(
    wanted.includes(answer.status),
    `${answer.asked} answered ${answer.status}, not ${wanted.join(' or ')}: ${answer.body.toString('utf8', 0, 200)}`,
  );

export const demandHeader = (answer: ProbeAnswer, name: string, wanted: string): void => {
  const found = headerOf(answer, name);
  demand(
    found === wanted,
    `${answer.asked}: ${name} is ${JSON.stringify(found)}, not ${JSON.stringify(wanted)}`,
  );
};

export const demandBytes = (answer: ProbeAnswer, wanted: Uint8Array | string): void =>
  demand(
    answer.body.equals(Buffer.from(wanted)),
    `${answer.asked} brought ${answer.body.length} bytes that are not the ${Buffer.byteLength(wanted)} expected ones`,
  );

/** The Location header, which must be there. */
export const locationOf = (answer: ProbeAnswer): string => {
  const location = headerOf(answer, 'location');
  if (location === undefined || location === '')
    throw conformanceErrors.unmet({ found: `${answer.asked}: there is no Location` });
  return location;
};

/** Codes of an error body. */
export const codesOf = ({ json }: ProbeAnswer): readonly unknown[] =>
  ((json as { errors?: readonly { code?: unknown }[] } | undefined)?.errors ?? []).map(({ code }) => code);

export const withQuery = (location: string, name: string, value: string): string =>
  `${location}${location.includes('?') ? '&' : '?'}${name}=${encodeURIComponent(value)}`;
