import { cliErrors } from './errors.ts';

/**
 * Docker's `--filter key=value` list as the `filters` parameter; undefined when there is none.
 *
 * @throws CLI_ARGUMENT_INVALID
 */
export const encodeFilters = (
  filters: readonly string[],
  more: Readonly<Record<string, readonly string[]>> = {},
): string | undefined => {
  const lists = filterLists(filters, more);
  return Object.keys(lists).length === 0 ? undefined : JSON.stringify(lists);
};

/** The same as lists by name. */
export const filterLists = (
  filters: readonly string[],
  more: Readonly<Record<string, readonly string[]>> = {},
): Readonly<Record<string, readonly string[]>> => {
  const byKey = new Map<string, string[]>(Object.entries(more).map(([key, values]) => [key, [...values]]));
  for (const filter of filters) {
    const split = filter.indexOf('=');
    if (split <= 0)
      throw cliErrors.argumentInvalid({
        problem: `invalid argument "${filter}" for "-f, --filter" flag: invalid filter '${filter}'`,
        advice: 'write a filter as name=value, such as --filter status=running',
      });
    const key = filter.slice(0, split).trim().toLowerCase();
    byKey.set(key, [...(byKey.get(key) ?? []), filter.slice(split + 1).trim()]);
  }
  return Object.fromEntries(byKey);
};
