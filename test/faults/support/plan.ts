/** Which points are met: few and always the same in `npm test`, many and by chance in `npm run faults`. */
import { readFileSync } from 'node:fs';
import type { Operation } from './operations.ts';
import type { Site } from './site.ts';
import { attach } from './strace.ts';
import { idOf } from './verify.ts';

/** How many times as many points as usual; 1 in `npm test`. */
export const SCALE = Number(process.env['LADE_FAULTS_SCALE'] ?? 1);
export const SEED = Number(process.env['LADE_FAULTS_SEED'] ?? 1);

/** Numbers from 0 to below 1, the same for the same seed (mulberry32). */
export const randomFrom = (seed: number): (() => number) => {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
};

/** Calls that one thread at most made of each kind. */
export type Spectrum = ReadonlyMap<string, number>;

/** Calls in the output of strace, by the thread that made most of them. */
export const spectrumIn = (file: string): Spectrum => {
  const threads = new Map<string, number>();
  for (const [, thread, call = ''] of readFileSync(file, 'utf8').matchAll(/^(\d+) +(\w+)\(/gm)) {
    const key = `${thread} ${call}`;
    threads.set(key, (threads.get(key) ?? 0) + 1);
  }
  const most = new Map<string, number>();
  for (const [key, count] of threads) {
    const call = key.split(' ')[1] ?? '';
    most.set(call, Math.max(most.get(call) ?? 0, count));
  }
  return most;
};

/** Counts the calls of a process while `work` runs; strace writes to `file`. */
export const countCalls = async (
  { pid, file, calls }: { readonly pid: number; readonly file: string; readonly calls: readonly string[] },
  work: () => Promise<void>,
): Promise<Spectrum> => {
  const tracing = await attach(pid, ['-o', file, '-e', `trace=${calls.join(',')}`]);
  try {
    await work();
  } finally {
    await tracing.detach();
  }
  return spectrumIn(file);
};

/** Runs the operation once without a fault, and counts. */
export const spectrumOf = async (
  site: Site,
  operation: Operation,
  calls: readonly string[],
): Promise<Spectrum> => {
  const attempt = await operation.prepare(site);
  const { socket, daemon } = site.machine;
  const spectrum = await countCalls(
    { pid: daemon.child.pid ?? 0, file: `${socket}.calls`, calls },
    async () => {
      const { ok } = await attempt.run(site.call);
      if (!ok) throw new Error(`${operation.name} fails without any fault`);
    },
  );
  for (const tag of attempt.makes.keys()) site.committed.set(tag, (await idOf(site, tag)) ?? '');
  return spectrum;
};

export interface Candidate {
  readonly call: string;
  readonly when: number;
}

const shuffled = <T>(items: readonly T[], random: () => number): readonly T[] =>
  items
    .map((item) => ({ item, order: random() }))
    .toSorted((a, b) => a.order - b.order)
    .map(({ item }) => item);

/** `count` different points: calls in turn, so that rare calls are met as well as frequent ones. */
export const choose = (spectrum: Spectrum, count: number, random: () => number): readonly Candidate[] => {
  const piles = [...spectrum].map(([call, most]) =>
    shuffled(
      Array.from({ length: most }, (_, index): Candidate => ({ call, when: index + 1 })),
      random,
    ),
  );
  const longest = Math.max(0, ...piles.map((pile) => pile.length));
  const inTurn = Array.from({ length: longest }, (_, row) => piles.flatMap((pile) => pile[row] ?? []));
  return inTurn.flat().slice(0, count);
};
