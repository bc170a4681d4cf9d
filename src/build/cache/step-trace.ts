import { randomBytes } from 'node:crypto';
import { alignSteps, type StepText } from './align-steps.ts';

/** A step of the last build, under the name that its record has. */
export interface TracedStep extends StepText {
  readonly id: string;
}

export interface TracedStage {
  /** The record of its FROM. */
  readonly id: string;
  /** Its name; undefined when it has none. */
  readonly name: string | undefined;
  /** What it starts from, as the Dockerfile says. */
  readonly from: string;
  /** Those that do more than change the configuration. */
  readonly steps: readonly TracedStep[];
}

/** The stages of the last builds of one Dockerfile, to find each step again. */
export type Trace = readonly TracedStage[];

/** A stage that is about to be built. */
export interface StageText {
  readonly name: string | undefined;
  readonly from: string;
  readonly steps: readonly StepText[];
}

/** So many stages are remembered, those that were built last first. */
const MAX_STAGES = 200;
const NAMED = 100;

/** Beyond so many comparisons of steps, stages are found again by their names and places alone. */
const MAX_COMPARISONS = 1_000_000;

interface Candidate {
  readonly old: TracedStage;
  readonly texts: ReadonlySet<string>;
}

const likeness = ({ old, texts }: Candidate, now: StageText): number => {
  if (old.name !== undefined && old.name === now.name) return NAMED;
  const common = now.steps.filter(({ text }) => texts.has(text)).length;
  const share = (2 * common) / Math.max(1, old.steps.length + now.steps.length);
  return (old.from === now.from ? 1 : 0) + 2 * share;
};

/** For very many stages: those of the same name, then the unnamed ones at the same place. */
const alignInOrder = (before: Trace, now: readonly StageText[]): readonly (TracedStage | undefined)[] => {
  const named = new Map(before.map((stage) => [stage.name, stage]));
  return now.map(({ name }, index) => {
    if (name === undefined) return before[index]?.name === undefined ? before[index] : undefined;
    const found = named.get(name);
    named.delete(name);
    return found;
  });
};

/** Which stage of the last build each one is. */
const alignStages = (before: Trace, now: readonly StageText[]): readonly (TracedStage | undefined)[] => {
  const work = now.reduce((sum, { steps }) => sum + steps.length + 1, 0);
  if (before.length * work > MAX_COMPARISONS) return alignInOrder(before, now);
  const candidates = before.map((old) => ({ old, texts: new Set(old.steps.map(({ text }) => text)) }));
  const pairs = now.flatMap((stage, index) =>
    candidates.map((candidate, at) => {
      const { old } = candidate;
      return { index, old, score: likeness(candidate, stage), apart: Math.abs(index - at) };
    }),
  );
  const found: (TracedStage | undefined)[] = now.map(() => undefined);
  const taken = new Set<TracedStage>();
  const likely = pairs.filter(({ score }) => score > 0);
  for (const { index, old } of likely.toSorted((a, b) => b.score - a.score || a.apart - b.apart)) {
    if (found[index] !== undefined || taken.has(old)) continue;
    found[index] = old;
    taken.add(old);
  }
  return found;
};

const newId = (): string => randomBytes(9).toString('base64url');

/**
 * Continues a trace with what is built now: a step that is found again keeps its ID. Stages that this build does not
 * need stay as they are, behind the others.
 */
export const continueTrace = (before: Trace, all: readonly StageText[]): Trace => {
  const now = all.slice(0, MAX_STAGES);
  const matched = alignStages(before, now);
  const stages = now.map(({ name, from, steps }, index): TracedStage => {
    const old = matched[index];
    const found = alignSteps(old?.steps ?? [], steps);
    return {
      id: old?.id ?? newId(),
      name,
      from,
      steps: steps.map(({ kind, text }, at) => {
        const match = found[at];
        const id = match === undefined ? undefined : old?.steps[match]?.id;
        return { id: id ?? newId(), kind, text };
      }),
    };
  });
  const taken = new Set(matched);
  return [...stages, ...before.filter((stage) => !taken.has(stage))].slice(0, MAX_STAGES);
};
