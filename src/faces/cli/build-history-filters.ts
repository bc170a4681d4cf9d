import type { BuildSummary } from '#api';
import { parseInstant } from '#units';
import { cliErrors } from './errors.ts';
import { filterLists } from './filters.ts';

type Matches = (build: BuildSummary, value: string) => boolean;

const instant = (value: string): number => {
  const ms = parseInstant(value);
  if (ms !== undefined) return ms;
  throw cliErrors.argumentInvalid({
    problem: `invalid time "${value}" in a filter`,
    advice: 'write a time, or a duration before now such as 24h',
  });
};

const FILTERS: Readonly<Record<string, Matches>> = {
  id: ({ id }, value) => id.startsWith(value),
  status: ({ status }, value) => status === value,
  tag: ({ tags }, value) => tags.some((tag) => tag === value || tag.includes(value)),
  target: ({ target = '' }, value) => target === value,
  context: ({ context }, value) => context === value || context.includes(value),
  since: ({ startedAt }, value) => startedAt >= instant(value),
  until: ({ startedAt }, value) => startedAt < instant(value),
};

/**
 * The builds that every filter admits; values of one name are alternatives.
 *
 * @throws CLI_ARGUMENT_INVALID
 */
export const filterBuilds = (
  builds: readonly BuildSummary[],
  filters: readonly string[],
): readonly BuildSummary[] => {
  const wanted = Object.entries(filterLists(filters)).map(([name, values]) => {
    const matches = Object.hasOwn(FILTERS, name) ? FILTERS[name] : undefined;
    if (matches !== undefined) return (build: BuildSummary) => values.some((value) => matches(build, value));
    throw cliErrors.argumentInvalid({
      problem: `invalid filter '${name}'`,
      advice: `filter builds by ${Object.keys(FILTERS).join(', ')}`,
    });
  });
  return builds.filter((build) => wanted.every((admits) => admits(build)));
};
