import { setTimeout as sleep } from 'node:timers/promises';
import { median } from '../measure.ts';
import type { LadeBuilder } from './builders.ts';
import type { BuildRow } from './row.ts';

interface LoggedSpan {
  readonly span: string;
  readonly from: number;
  readonly to: number;
}

const isSpan = (value: object): value is LoggedSpan => 'span' in value;

const spansIn = (log: string): readonly LoggedSpan[] =>
  log
    .split('\n')
    .filter((line) => line.startsWith('{') && line.endsWith('}'))
    .map((line) => JSON.parse(line) as object)
    .filter(isSpan);

/** The time during which at least one of some spans lasted: what goes side by side counts once. */
const coveredMs = (spans: readonly LoggedSpan[]): number => {
  let covered = 0;
  let until = Number.NEGATIVE_INFINITY;
  for (const { from, to } of spans.toSorted((a, b) => a.from - b.from)) {
    covered += Math.max(0, to - Math.max(from, until));
    until = Math.max(until, to);
  }
  return covered;
};

interface Share {
  readonly name: string;
  readonly times: number;
  readonly ms: number;
}

const sharesOf = (spans: readonly LoggedSpan[]): readonly Share[] => {
  const names = new Set(spans.map(({ span }) => span));
  return [...names]
    .map((name) => {
      const own = spans.filter(({ span }) => span === name);
      return { name, times: own.length, ms: coveredMs(own) };
    })
    .toSorted((a, b) => b.ms - a.ms);
};

/** Until the daemon has written its last line. */
const PAUSE_MS = 300;

const number = (value: number): string => value.toFixed(1).padStart(9);

/** What the daemon writes from now on. */
const listen = ({ machine }: LadeBuilder): Disposable & { text(): string } => {
  const pieces: Buffer[] = [];
  const take = (piece: Buffer): void => void pieces.push(piece);
  const { stderr } = machine.daemon.child;
  stderr?.on('data', take);
  return {
    text: () => Buffer.concat(pieces).toString(),
    [Symbol.dispose]: () => void stderr?.off('data', take),
  };
};

/** Prints where the time of a row goes: spans of a daemon that logs them; what goes side by side counts once each. */
export const printWhere = async (lade: LadeBuilder, row: BuildRow, rounds: number): Promise<void> => {
  const { context, start } = row;
  if (start !== 'cold') await lade.build({ context: context.path(), noCache: false });
  const runs: { readonly wall: number; readonly shares: readonly Share[] }[] = [];
  for (let round = 0; round < rounds; round += 1) {
    if (start === 'cold') context.makeNew();
    if (start === 'touched') context.touch();
    await sleep(PAUSE_MS);
    using log = listen(lade);
    const from = performance.now();
    await lade.build({ context: context.path(), noCache: start === 'cold' });
    const wall = performance.now() - from;
    await sleep(PAUSE_MS);
    runs.push({ wall, shares: sharesOf(spansIn(log.text())) });
  }
  const names = new Set(runs.flatMap(({ shares }) => shares.map(({ name }) => name)));
  console.log(`\nwhere Lade's time goes: ${row.what}; ms, medians of ${rounds}\n`);
  console.log(`${number(median(runs.map(({ wall }) => wall)))}         all of it, with the client's process`);
  for (const name of names) {
    const found = runs.flatMap(({ shares }) => shares.filter((share) => share.name === name));
    const times = median(found.map((share) => share.times));
    console.log(`${number(median(found.map(({ ms }) => ms)))} ${`${times} ×`.padStart(6)}  ${name}`);
  }
};
