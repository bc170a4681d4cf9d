import { run } from '../../support/process.ts';
import { median } from '../measure.ts';
import type { BenchRow } from '../table.ts';
import type { BenchedRegistry } from './peers.ts';

/** One figure of one registry, and what it cost. */
export interface Sample {
  readonly value: number;
  /** CPU of the registry for each request or blob, in ms. */
  readonly cpuMs?: number | undefined;
}

export interface Raced {
  readonly registry: BenchedRegistry;
  readonly samples: readonly Sample[];
}

/** Takes samples by turns, so that a busy moment of the machine meets all alike; nobody pays for another's writes. */
export const race = async (
  registries: readonly BenchedRegistry[],
  rounds: number,
  sample: (registry: BenchedRegistry) => Promise<Sample>,
): Promise<readonly Raced[]> => {
  const raced = registries.map((registry) => ({ registry, samples: [] as Sample[] }));
  for (let round = 0; round < rounds; round += 1)
    for (const { registry, samples } of raced) {
      await run('sync', []);
      samples.push(await sample(registry));
    }
  return raced;
};

const valueOf = ({ samples }: Raced): number => median(samples.map(({ value }) => value));

const text = (raced: Raced | undefined, unit: string): string => {
  if (raced === undefined) return '–';
  const costs = raced.samples.flatMap(({ cpuMs }) => (cpuMs === undefined ? [] : [cpuMs]));
  const cost = costs.length === 0 ? '' : `, ${median(costs).toFixed(2)} ms CPU each`;
  return `${raced.registry.name} ${valueOf(raced).toFixed(0)} ${unit}${cost}`;
};

/** The first one's figure ÷ the second one's, where more is better. */
export const atLeast = (
  what: string,
  { raced, unit, goal }: { readonly raced: readonly Raced[]; readonly unit: string; readonly goal: number },
): BenchRow => {
  const [own, peer] = raced;
  const ratio = own === undefined || peer === undefined ? undefined : valueOf(own) / valueOf(peer);
  return { what, lade: text(own, unit), peer: text(peer, unit), ratio, goal, sense: 'at least' };
};
