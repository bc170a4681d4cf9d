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
  return byKey.size === 0 ? undefined : JSON.stringify(Object.fromEntries(byKey));
};
