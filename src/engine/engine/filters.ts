import { parseInstant } from '#units';
import { engineErrors } from './errors.ts';
import type { Filters } from './types.ts';

/** Refuses filters of which nobody knows what they mean. */
export const checkFilters = (filters: Filters, known: readonly string[]): void => {
  const unknown = Object.keys(filters).find((name) => !known.includes(name));
  if (unknown !== undefined) throw engineErrors.invalidFilter({ name: unknown });
};

/** Whether any of the wanted values is accepted; an absent filter accepts all. */
export const anyOf = (wanted: readonly string[] | undefined, accept: (value: string) => boolean): boolean =>
  wanted === undefined || wanted.length === 0 || wanted.some(accept);

/** `KEY` or `KEY=VALUE`, each of which must hold. */
export const hasLabels = (
  labels: Readonly<Record<string, string>> | null | undefined,
  wanted: readonly string[] | undefined,
): boolean =>
  (wanted ?? []).every((entry) => {
    const at = entry.indexOf('=');
    const value = labels?.[at === -1 ? entry : entry.slice(0, at)];
    return at === -1 ? value !== undefined : value === entry.slice(at + 1);
  });

/** Whether a thing of this time is older than each of `until`: a Unix time, RFC 3339, or a duration such as `24h`. */
export const isBefore = (timeMs: number, until: readonly string[] | undefined): boolean =>
  (until ?? []).every((text) => timeMs < untilMs(text));

const untilMs = (text: string): number => {
  const time = parseInstant(text);
  if (time === undefined) throw engineErrors.invalidFilter({ name: `until=${text}` });
  return time;
};
