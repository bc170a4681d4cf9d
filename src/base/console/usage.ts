import type { FlagSpec, FlagTable } from './flags.ts';

export interface Usage {
  /** The line after `Usage:`, such as `lade run [OPTIONS] IMAGE`. */
  readonly line: string;
  readonly summary: string;
  /** Other ways to write the command, with this one. */
  readonly aliases?: readonly string[] | undefined;
  readonly flags: FlagTable;
  /** Columns to wrap to. */
  readonly width?: number | undefined;
}

const typeWord = (spec: FlagSpec): string => {
  if (spec.type !== undefined) return ` ${spec.type}`;
  if (spec.kind === 'bool') return '';
  return spec.kind === 'float' ? ' decimal' : ` ${spec.kind}`;
};

const wrap = (text: string, width: number): readonly string[] => {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(/\s+/)) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line];
};

const defaultOf = (spec: FlagSpec): string => {
  if (spec.shownDefault !== undefined) return ` (default ${spec.shownDefault})`;
  return spec.on === true ? ' (default true)' : '';
};

/** The `Options:` block of a flag table, as docker prints it. */
export const flagUsage = (flags: FlagTable, width = 80): string => {
  const rows = Object.entries(flags)
    .filter(([, spec]) => spec.hidden !== true)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, spec]) => ({
      left: `  ${spec.short === undefined ? '    ' : `-${spec.short}, `}--${name}${typeWord(spec)}`,
      right: spec.help + defaultOf(spec),
    }));
  const left = Math.max(0, ...rows.map((row) => row.left.length)) + 3;
  return rows
    .flatMap(({ left: head, right }) =>
      wrap(right, Math.max(24, width - left)).map(
        (line, index) => (index === 0 ? head.padEnd(left) : ' '.repeat(left)) + line,
      ),
    )
    .join('\n');
};

/** A command's whole help text. */
export const usageText = (usage: Usage): string => {
  const aliases =
    usage.aliases === undefined || usage.aliases.length < 2
      ? []
      : ['', 'Aliases:', `  ${usage.aliases.join(', ')}`];
  const options = flagUsage(usage.flags, usage.width);
  const block = options === '' ? [] : ['', 'Options:', options];
  return [`Usage:  ${usage.line}`, '', usage.summary, ...aliases, ...block, ''].join('\n');
};
