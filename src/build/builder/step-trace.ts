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

/** Stages that were not built now are remembered up to so many. */
const MAX_STAGES = 200;
const NAMED = 100;

const likeness = (before: TracedStage, now: StageText): number => {
  if (before.name !== undefined && before.name === now.name) return NAMED;
  const texts = new Set(before.steps.map(({ text }) => text));
  const common = now.steps.filter(({ text }) => texts.has(text)).length;
  const share = (2 * common) / Math.max(1, before.steps.length + now.steps.length);
  return (before.from === now.from ? 1 : 0) + 2 * share;
};

/** Which stage of the last build each one is. */
const alignStages = (before: Trace, now: readonly StageText[]): readonly (TracedStage | undefined)[] => {
  const pairs = now.flatMap((stage, index) =>
    before.map((old, at) => ({ index, old, score: likeness(old, stage), apart: Math.abs(index - at) })),
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
export const continueTrace = (before: Trace, now: readonly StageText[]): Trace => {
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
