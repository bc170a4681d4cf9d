import { demand, headerOf } from '../expectations.ts';
import type { ProbeAnswer } from '../types.ts';

/** Path of the next page after the one at `path`. */
export const demandNext = (answer: ProbeAnswer, path: string): string => {
  const link = headerOf(answer, 'link') ?? '';
  const match = /<([^>]+)>\s*;\s*rel="?next"?/.exec(link);
  demand(match !== null, `Link is ${JSON.stringify(link)}`);
  const { pathname, search } = new URL(match?.[1] ?? '', `http://registry${path}`);
  return `${pathname}${search}`;
};

/** Whether two lists have the same members, each once. */
export const sameSet = (one: readonly string[], two: readonly string[]): boolean =>
  one.length === two.length && new Set([...one, ...two]).size === one.length;
