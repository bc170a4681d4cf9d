import { existsSync, readFileSync } from 'node:fs';

/** A line of what the fault suite wrote: one kind of fault in one operation (test/faults/support/ledger.ts). */
interface Tally {
  readonly operation: string;
  readonly fault: string;
  readonly points: number;
  readonly losses: number;
  readonly replays: number;
}

const sum = (tallies: readonly Tally[], count: (tally: Tally) => number): number =>
  tallies.reduce((total, tally) => total + count(tally), 0);

/** What the fault suite came to, in one line and one for each operation; empty when it did not run. */
export const faultLines = (file: string): readonly string[] => {
  if (!existsSync(file)) return [];
  const tallies = readFileSync(file, 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Tally);
  const lines = [...Map.groupBy(tallies, ({ operation }) => operation)].map(
    ([operation, own]) =>
      `  ${operation}: ${sum(own, ({ points }) => points)} points, ${sum(own, ({ replays }) => replays)} replayed power cuts, ${sum(own, ({ losses }) => losses)} losses`,
  );
  const points = sum(tallies, (tally) => tally.points);
  const replays = sum(tallies, (tally) => tally.replays);
  const losses = sum(tallies, (tally) => tally.losses);
  return [`faults: ${points} points and ${replays} replayed power cuts, ${losses} losses`, ...lines];
};
