import type { Check, Level, Probe } from './types.ts';

export type CheckSource = readonly [level: Level, says: string, run: (registry: Probe) => Promise<void>];

const slugOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replaceAll(/[^a-z0-9 -]/g, '')
    .replaceAll(' ', '-');

/** Checks of one heading of the specification, numbered in their order; `part` keeps several lists of one apart. */
export const defineChecks = (heading: string, sources: readonly CheckSource[], part = ''): readonly Check[] =>
  sources.map(([level, says, run], index) => ({
    id: `${slugOf(heading)}${part === '' ? '' : `-${part}`}-${index + 1}`,
    heading,
    level,
    says,
    run,
  }));
