interface Cell {
  readonly text: string;
  /** Number of characters. */
  readonly size: number;
}

export interface TableOptions {
  /** Smallest width of a column, padding included (docker's tables: 10). */
  readonly minWidth?: number;
  /** Blanks after the widest cell (docker's tables: 3). */
  readonly padding?: number;
}

const toCells = (line: string): readonly Cell[] =>
  line.split('\t').map((text) => ({ text, size: Array.from(text).length }));

/** Writes one run of lines; `widths` are the columns to the left, `from`..`to` the lines. */
const layOut = (
  lines: readonly (readonly Cell[])[],
  widths: readonly number[],
  span: { readonly from: number; readonly to: number; readonly options: Required<TableOptions> },
): readonly string[] => {
  const column = widths.length;
  const done: string[] = [];
  let index = span.from;
  while (index < span.to) {
    const reaches = (at: number): boolean => (lines[at]?.length ?? 0) - 1 > column;
    if (!reaches(index)) {
      done.push(writeLine(lines[index] ?? [], widths));
      index += 1;
      continue;
    }
    let end = index;
    let width = span.options.minWidth;
    for (; end < span.to && reaches(end); end += 1)
      width = Math.max(width, (lines[end]?.[column]?.size ?? 0) + span.options.padding);
    done.push(...layOut(lines, [...widths, width], { ...span, from: index, to: end }));
    index = end;
  }
  return done;
};

const writeLine = (cells: readonly Cell[], widths: readonly number[]): string =>
  cells.map((cell, index) => (index < cells.length - 1 ? pad(cell, widths[index] ?? 0) : cell.text)).join('');

const pad = (cell: Cell, width: number): string => cell.text + ' '.repeat(Math.max(0, width - cell.size));

/**
 * Lays out tab-separated `text` as Go's text/tabwriter does, which docker uses: a column is a run of lines that have a
 * tab-terminated cell there, so a line without tabs ends the columns above it.
 */
export const alignColumns = (text: string, options: TableOptions = {}): string => {
  const full: Required<TableOptions> = { minWidth: options.minWidth ?? 10, padding: options.padding ?? 3 };
  const lines = text.split('\n').map(toCells);
  return layOut(lines, [], { from: 0, to: lines.length, options: full }).join('\n');
};
