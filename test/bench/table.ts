import { cpus, loadavg } from 'node:os';

/** One line of the result: what was measured, the figures, and the goal where there is one. */
export interface BenchRow {
  readonly what: string;
  readonly lade: string;
  readonly peer: string;
  /** The figure that the goal is about; undefined when the peer is not on this machine. */
  readonly ratio?: number | undefined;
  /** Infinity: for information only. */
  readonly goal: number;
  /** Whether more or less than the goal is wanted; `at most` unless given. */
  readonly sense?: 'at most' | 'at least' | undefined;
  readonly unit?: string | undefined;
}

const verdict = (row: BenchRow): string => {
  if (row.ratio === undefined) return 'not measured';
  if (!Number.isFinite(row.goal)) return '';
  const met = row.sense === 'at least' ? row.ratio >= row.goal : row.ratio <= row.goal;
  return met ? 'met' : 'MISSED';
};

const cells = (row: BenchRow): string[] => {
  const unit = row.unit ?? '';
  const figure = row.ratio === undefined ? '–' : `${row.ratio.toFixed(2)}${unit}`;
  const sign = row.sense === 'at least' ? '≥' : '≤';
  const goal = Number.isFinite(row.goal) ? `${sign} ${row.goal}${unit}` : '–';
  return [row.what, row.lade, row.peer, figure, goal, verdict(row)];
};

/** Prints the rows as a Markdown table, with the machine they were measured on and how busy it was. */
export const printTable = (rows: readonly BenchRow[], loadBefore: readonly number[]): void => {
  const lines = [['what', 'Lade', 'peer', 'figure', 'goal', ''], ...rows.map(cells)];
  const widths =
    lines[0]?.map((_cell, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0))) ?? [];
  const [head, ...body] = lines.map(
    (line) => `| ${line.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`,
  );
  const [from, to] = [loadBefore, loadavg()].map((load) => load[0]?.toFixed(1));
  const machine = `${cpus().length} × ${cpus()[0]?.model ?? 'cpu'}, load ${from} before, ${to} after`;
  console.log(`\n${machine}; medians, contenders by turns\n`);
  console.log(head);
  console.log(`| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`);
  for (const line of body) console.log(line);
};
