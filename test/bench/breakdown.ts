import { setTimeout as sleep } from 'node:timers/promises';
import type { Machine } from '../support/lade.ts';
import { mustRun } from '../support/process.ts';
import { median } from './measure.ts';

/** One line of the daemon's debug log: a piece of work, in milliseconds of the daemon's clock. */
interface LoggedSpan {
  readonly span: string;
  readonly from: number;
  readonly to: number;
}

/** Medians over all runs. */
interface Step {
  readonly name: string;
  /** Milliseconds after the first request of the run. */
  readonly at: number;
  readonly took: number;
}

export interface Breakdown {
  readonly rounds: number;
  /** The whole process. */
  readonly wall: number;
  /** From the first request until the last answer. */
  readonly served: number;
  readonly steps: readonly Step[];
}

const FIRST_REQUEST = 'HEAD /_ping';
const LAST_ANSWER = /^POST .*\/wait$/;
/** Until what goes behind the scenes after a run is over. */
const PAUSE_MS = 300;

const isSpan = (value: object): value is LoggedSpan => 'span' in value;

const spansIn = (log: string): readonly LoggedSpan[] =>
  log
    .split('\n')
    .filter((line) => line.startsWith('{') && line.endsWith('}'))
    .map((line) => JSON.parse(line) as object)
    .filter(isSpan)
    .map((span) => ({ ...span, span: span.span.replace(/[0-9a-f]{64}/, 'ID') }));

/** The spans of each run; times begin with its first request. */
const runsIn = (spans: readonly LoggedSpan[]): readonly (readonly LoggedSpan[])[] => {
  const starts = spans.flatMap(({ span }, index) => (span === FIRST_REQUEST ? [index] : []));
  return starts.map((start, index) => {
    const run = spans.slice(start, starts[index + 1]);
    const zero = run[0]?.from ?? 0;
    return run.map((span) => ({ ...span, from: span.from - zero, to: span.to - zero }));
  });
};

const stepsOf = (runs: readonly (readonly LoggedSpan[])[]): readonly Step[] => {
  const names = new Set(runs.flatMap((run) => run.map(({ span }) => span)));
  return [...names]
    .map((name) => {
      const found = runs.flatMap((run) => run.filter(({ span }) => span === name));
      const took = median(found.map(({ from, to }) => to - from));
      return { name, at: median(found.map(({ from }) => from)), took };
    })
    .toSorted((a, b) => a.at - b.at);
};

/** Runs `command` against a daemon that logs at level debug, and takes its log apart. */
export const takeApart = async (
  machine: Machine,
  command: readonly [string, ...string[]],
  rounds: number,
): Promise<Breakdown> => {
  const [program, ...args] = command;
  await mustRun(program, args);
  await sleep(PAUSE_MS);
  const before = machine.daemon.stderr().length;
  const walls: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const began = performance.now();
    await mustRun(program, args);
    walls.push(performance.now() - began);
    await sleep(PAUSE_MS);
  }
  const runs = runsIn(spansIn(machine.daemon.stderr().slice(before)));
  const served = runs.flatMap((run) => run.filter(({ span }) => LAST_ANSWER.test(span)).map(({ to }) => to));
  return { rounds, wall: median(walls), served: median(served), steps: stepsOf(runs) };
};

const number = (value: number): string => value.toFixed(1).padStart(7);

/** Prints where the time goes; what overlaps is done at the same time. */
export const printBreakdown = (title: string, { rounds, wall, served, steps }: Breakdown): void => {
  console.log(`\nwhere the time of ${title} goes: ms, medians of ${rounds}\n`);
  console.log('     at    took');
  for (const { name, at, took } of steps) console.log(`${number(at)} ${number(took)}  ${name}`);
  console.log(`        ${number(served)}  first request to last answer`);
  console.log(`        ${number(wall - served)}  the docker process before and after`);
  console.log(`        ${number(wall)}  all of it`);
};
