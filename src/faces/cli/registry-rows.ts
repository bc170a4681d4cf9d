import { formatRows, type Row } from '#console';
import type { Cli } from './context.ts';

/** The flags of verbs that list. */
export const listFlags = {
  format: { kind: 'string', help: "Format output: 'table', 'table TEMPLATE', 'json' or a Go template" },
  json: { kind: 'bool', help: 'One JSON object a line, with every field of the interface' },
} as const;

interface Listing<T> {
  readonly items: readonly T[];
  readonly row: (item: T) => Row;
  /** Titles by field, in the order of the table. */
  readonly headings: Readonly<Record<string, string>>;
}

/** Writes a list as `--json` and `--format` ask, a table otherwise. */
export const showList = <T>(
  cli: Cli,
  flags: { readonly format: string | undefined; readonly json: boolean },
  { items, row, headings }: Listing<T>,
): void => {
  if (flags.json) {
    for (const item of items) cli.out(`${JSON.stringify(item)}\n`);
    return;
  }
  const columns = Object.keys(headings).map((name) => `{{.${name}}}`);
  const standard = `table ${columns.join('\t')}`;
  const { format = standard } = flags;
  const chosen = format === 'table' ? standard : format;
  cli.out(formatRows(items.map(row), { format: chosen, headings, terminal: cli.stdout.isTTY }));
};

/** A time of the interface; empty where there is none. */
export const timeText = (ms: number | undefined): string =>
  ms === undefined ? '' : new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');

/** `PATTERN:ACTION,ACTION` for each permission. */
export const permissionsText = (
  permissions: readonly { readonly pattern: string; readonly actions: readonly string[] }[],
): string => permissions.map(({ pattern, actions }) => `${pattern}:${actions.join(',')}`).join(' ');
