import { run } from '../../support/process.ts';
import { median } from '../measure.ts';
import type { BenchRow } from '../table.ts';
import type { BenchBuilder } from './builders.ts';
import type { BenchContext } from './contexts.ts';

/** How a build of a row begins. */
export type Start = 'cold' | 'cached' | 'touched';

/** One row of the table. */
export interface BuildRow {
  readonly what: string;
  readonly start: Start;
  readonly context: BenchContext;
  readonly goal: number;
  /** Builders that remember much of earlier builds forget it before each sample: the first build of a day. */
  readonly afresh?: boolean;
  /** The goal is about Lade's own milliseconds rather than about the ratio. */
  readonly absolute?: boolean;
}

interface Sample {
  readonly ms: number;
  readonly processorMs: number | undefined;
}

interface Taken {
  readonly builder: BenchBuilder;
  readonly samples: Sample[];
}

/** Samples of those that need many seconds for one. */
const FEW = 2;

/** What a builder does after its answer shall not slow down the next. */
const settle = async (): Promise<void> => {
  await run('sync', []);
};

const sampleOf = async (
  builder: BenchBuilder,
  { start, context, afresh = false }: BuildRow,
): Promise<Sample> => {
  if (afresh) await builder.forget?.();
  if (start === 'cold') context.makeNew();
  if (start === 'touched') context.touch();
  await settle();
  const before = builder.processorMs();
  const from = performance.now();
  await builder.build({ context: context.path(), noCache: start === 'cold' });
  const ms = performance.now() - from;
  const after = builder.processorMs();
  return { ms, processorMs: before === undefined || after === undefined ? undefined : after - before };
};

const show = (taken: Taken): string => {
  const { builder, samples } = taken;
  if (samples.length === 0) return `${builder.name}: none`;
  const times = samples.map(({ ms }) => ms.toFixed(0)).join(' ');
  const processor = samples.flatMap(({ processorMs }) => processorMs ?? []);
  const used = processor.length === 0 ? '' : `; its daemon's processor time ${median(processor).toFixed(0)}`;
  return `${builder.name}: ${times} ms${used}`;
};

const text = (taken: Taken | undefined): string =>
  taken === undefined || taken.samples.length === 0
    ? 'none'
    : `${taken.builder.name} ${median(taken.samples.map(({ ms }) => ms)).toFixed(0)} ms (${taken.samples.length})`;

const figureOf = (row: BuildRow, own: number, peer: Taken | undefined): number | undefined => {
  if (row.absolute === true) return own;
  if (peer === undefined || peer.samples.length === 0) return undefined;
  return own / median(peer.samples.map(({ ms }) => ms));
};

/** Builders take turns; each has built once before unless it is about building cold. */
const takeTurns = async (
  row: BuildRow,
  builders: readonly BenchBuilder[],
  rounds: number,
): Promise<readonly Taken[]> => {
  const taken = builders.map((builder): Taken => ({ builder, samples: [] }));
  if (row.start !== 'cold')
    for (const builder of builders) await builder.build({ context: row.context.path(), noCache: false });
  for (let round = 0; round < rounds; round += 1)
    for (const { builder, samples } of taken) {
      if (builder.slow && round >= FEW) continue;
      const sample = await sampleOf(builder, row).catch((error: unknown) => {
        console.error(`bench: ${builder.name} fails: ${String(error)}`);
      });
      if (sample !== undefined) samples.push(sample);
    }
  return taken;
};

/** Measures one row; the first builder is Lade, the second the one that it is compared with. */
export const measureRow = async (
  row: BuildRow,
  builders: readonly BenchBuilder[],
  rounds: number,
): Promise<BenchRow> => {
  console.error(`bench: ${row.what}`);
  const taken = await takeTurns(row, builders, rounds);
  for (const one of taken) console.error(`  ${show(one)}`);
  const [lade, buildkit, ...others] = taken;
  const own = median((lade?.samples ?? []).map(({ ms }) => ms));
  return {
    what: row.what,
    lade: `${own.toFixed(0)} ms (${lade?.samples.length ?? 0})`,
    peer:
      [buildkit, ...others]
        .filter((one) => one !== undefined)
        .map(text)
        .join(', ') || 'not installed',
    ratio: figureOf(row, own, buildkit?.builder.name.startsWith('BuildKit') === true ? buildkit : undefined),
    goal: row.goal,
    ...(row.absolute === true ? { unit: ' ms' } : {}),
  };
};
