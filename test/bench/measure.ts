import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { mustRun, type RunOptions } from '../support/process.ts';

/** One contender: a name and a command that is run once for each sample. */
export interface Contender {
  readonly name: string;
  readonly command: readonly [string, ...string[]];
  readonly options?: RunOptions | undefined;
}

export interface Sampled {
  readonly name: string;
  /** Milliseconds, whole process, in the order they were taken. */
  readonly samples: readonly number[];
}

export const median = (values: readonly number[]): number => {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const [low = Number.NaN, high = Number.NaN] = [sorted[middle - 1], sorted[middle]];
  return sorted.length % 2 === 1 ? high : (low + high) / 2;
};

const timeOnce = async ({ command: [program, ...args], options }: Contender): Promise<number> => {
  const started = performance.now();
  await mustRun(program, args, options ?? {});
  return performance.now() - started;
};

/** Until what a contender does after its process has ended is over, which the next would pay for. */
const PAUSE_MS = 250;

/** Runs the contenders by turns, so that a busy moment of the machine meets all of them alike; one warm-up each. */
export const race = async (contenders: readonly Contender[], rounds: number): Promise<readonly Sampled[]> => {
  const samples = contenders.map((): number[] => []);
  for (let round = -1; round < rounds; round += 1) {
    for (const [index, contender] of contenders.entries()) {
      const ms = await timeOnce(contender);
      await sleep(PAUSE_MS);
      if (round >= 0) samples[index]?.push(ms);
    }
  }
  return contenders.map(({ name }, index) => ({ name, samples: samples[index] ?? [] }));
};
