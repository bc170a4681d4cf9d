/** Counts points and losses, for the line at the end of `npm test`. */
import { appendFileSync } from 'node:fs';
import type { Finding } from './verify.ts';

/** What one kind of fault did to one operation. */
export interface Tally {
  readonly operation: string;
  readonly fault: string;
  readonly points: number;
  readonly losses: number;
  /** Power cuts that were only replayed, and after which no daemon was started. */
  readonly replays: number;
}

export interface Ledger {
  /** Counts a point; each finding is remembered with the place that shows how to meet it again. */
  point(place: string, findings: readonly Finding[]): void;
  /** Remembers findings that belong to several points. */
  note(place: string, findings: readonly Finding[]): void;
  /** Counts a cut that was replayed. */
  replay(place: string, findings: readonly Finding[]): void;
  /** Writes the count to the file named by LADE_FAULTS_RESULT; returns all findings as text. */
  close(): readonly string[];
  readonly points: number;
}

export const openLedger = (operation: string, fault: string): Ledger => {
  const texts: string[] = [];
  let points = 0;
  let replays = 0;
  let losses = 0;
  const note = (place: string, findings: readonly Finding[]): void => {
    losses += findings.filter(({ kind }) => kind === 'loss').length;
    texts.push(...findings.map(({ kind, text }) => `${operation}, ${place}: ${kind}: ${text}`));
  };
  return {
    note,
    point(place, findings) {
      points += 1;
      note(place, findings);
    },
    replay(place, findings) {
      replays += 1;
      note(place, findings);
    },
    close() {
      const file = process.env['LADE_FAULTS_RESULT'];
      const tally: Tally = { operation, fault, points, losses, replays };
      if (file !== undefined) appendFileSync(file, `${JSON.stringify(tally)}\n`);
      return texts;
    },
    get points() {
      return points;
    },
  };
};
