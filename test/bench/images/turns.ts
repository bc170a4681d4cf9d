import { performance } from 'node:perf_hooks';
import { run } from '../../support/process.ts';
import { median } from '../measure.ts';
import type { BenchRow } from '../table.ts';

/** Who takes part; `sample` prepares a root of its own and gives the milliseconds of what is measured. */
export interface Participant {
  readonly name: string;
  /** undefined: not installed. */
  sample(): Promise<number | undefined>;
}

export interface Taken {
  readonly name: string;
  /** Milliseconds in the order they were taken; empty when not installed. */
  readonly samples: readonly number[];
}

/** Milliseconds of one piece of work. */
export const timed = async (work: () => Promise<unknown>): Promise<number> => {
  const started = performance.now();
  await work();
  return performance.now() - started;
};

/** Takes samples by turns, so that a busy moment of the machine meets all alike. Nobody pays for another's writes. */
export const takeTurns = async (
  participants: readonly Participant[],
  rounds: number,
): Promise<readonly Taken[]> => {
  const taken = participants.map(({ name }) => ({ name, samples: [] as number[] }));
  for (let round = 0; round < rounds; round += 1)
    for (const [index, participant] of participants.entries()) {
      await run('sync', []);
      const sample = await participant.sample();
      if (sample !== undefined) taken[index]?.samples.push(sample);
    }
  return taken;
};

const text = ({ name, samples }: Taken): string =>
  samples.length === 0 ? `${name} not installed` : `${name} ${median(samples).toFixed(0)} ms`;

const figure = (own: Taken, peer: Taken): number | undefined =>
  own.samples.length === 0 || peer.samples.length === 0
    ? undefined
    : median(own.samples) / median(peer.samples);

/** Lade's figure over that of one peer, with the goal for it. */
export const ratioRow = (
  what: string,
  { lade, peer, goal }: { readonly lade: Taken; readonly peer: Taken; readonly goal: number },
): BenchRow => ({
  what,
  lade: `${median(lade.samples).toFixed(0)} ms (${lade.samples.length})`,
  peer: text(peer),
  ratio: figure(lade, peer),
  goal,
});

/** A peer's figure without a goal. */
export const forInformation = (what: string, lade: Taken, peer: Taken): BenchRow =>
  ratioRow(what, { lade, peer, goal: Number.POSITIVE_INFINITY });
