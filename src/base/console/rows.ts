import { alignColumns } from './table.ts';
import { compileTemplate } from './template.ts';
import { WHOLE_ROW } from './template-functions.ts';
import { visible } from './visible.ts';

/**
 * One line of a list: what `{{.Name}}` finds. Functions are called: `{{.Label "x"}}`. A getter runs only where the
 * format may want its field.
 */
export type Row = Readonly<Record<string, unknown>>;

export interface RowsOptions {
  /** `table`, `table TEMPLATE`, `json` or a template. */
  readonly format: string;
  /** Column titles by field, for tables. */
  readonly headings: Readonly<Record<string, string>>;
  /** Output goes to a terminal: what the rows hold is shown so that it cannot steer it. */
  readonly terminal: boolean;
}

const safe = (value: unknown): unknown => {
  if (typeof value === 'string') return visible(value);
  if (Array.isArray(value)) return value.map(safe);
  if (typeof value === 'function')
    return (...args: readonly unknown[]) => safe((value as (...a: readonly unknown[]) => unknown)(...args));
  return value;
};

/** Anything but plain `{{.Name}}`s and words around them may want the whole row. */
const PLAIN = /^(?:[^{}]|\{\{\s*\.[A-Za-z]\w*\s*\}\})*$/;

/** The fields that a format may ask for. */
const fieldsFor = (format: string): ((row: Row) => readonly string[]) => {
  const plain = format !== 'json' && PLAIN.test(format);
  return (row) => (plain ? Object.keys(row).filter((key) => format.includes(key)) : Object.keys(row));
};

/** Docker's heading of `{{.Label "com.example.some-name"}}`: `some name`. */
const labelHeading = (name: unknown): string =>
  (String(name).split('.').at(-1) ?? '').replaceAll(/[-_]/g, ' ');

const templateOf = (format: string): string => {
  if (format === 'json') return '{{json .}}';
  const source = format.startsWith('table') ? format.slice('table'.length) : format;
  return source
    .replaceAll(/^ +| +$/g, '')
    .replaceAll('\\t', '\t')
    .replaceAll('\\n', '\n');
};

/**
 * Writes `rows` as docker's `--format` asks: every row ends with a newline; a table has a heading and aligned columns.
 *
 * @throws CONSOLE_TEMPLATE_INVALID
 */
export const formatRows = (rows: readonly Row[], options: RowsOptions): string => {
  const template = compileTemplate(templateOf(options.format));
  const table = options.format.startsWith('table');
  const hide = table || (options.terminal && !options.format.includes('json'));
  const fields = fieldsFor(options.format);
  const lines = rows.map((row) => {
    const wanted = fields(row).map((key) => [key, hide ? safe(row[key]) : row[key]] as const);
    return `${template({ ...Object.fromEntries(wanted), [WHOLE_ROW]: true }, { missing: 'error' })}\n`;
  });
  if (!table) return lines.join('');
  const heading = template({ ...options.headings, Label: labelHeading }, { heading: true });
  return alignColumns(`${heading}\n${lines.join('')}`);
};
