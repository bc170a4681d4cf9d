import type { Pieces, SourceRange } from '#dockerfile';
import type { Outline, OutlinedStage } from './outline.ts';
import type { PlannedStage } from './stages.ts';

/** A step as progress shows it. */
export interface BuildStep {
  /** Unique within the build. */
  readonly id: string;
  /** The instruction with its variables expanded, such as `RUN npm ci`. */
  readonly name: string;
  /** The instruction on one line as the Dockerfile has it. */
  readonly written?: string | undefined;
  /** The stage's name, or its number. */
  readonly stage: string;
  /** `os/architecture[/variant]`, in a build for several. */
  readonly platform?: string | undefined;
  /** From 1, over the steps of its stage that do more than change the configuration; undefined for one that does not. */
  readonly inStage?: { readonly index: number; readonly total: number } | undefined;
  /** From 1, over all instructions of the stages that are built. */
  readonly index: number;
  readonly total: number;
  readonly range: SourceRange;
  /** `metadata` steps only change the configuration and take no time. */
  readonly kind: 'source' | 'filesystem' | 'metadata';
}

/** All steps of a build in the order of the file, by stage and position; FROM has the position -1. */
export interface StepTable {
  at(stage: number, position: number): BuildStep;
  readonly total: number;
}

/** Kinds of instructions that touch files. */
const FILE_KINDS: ReadonlySet<string> = new Set(['run', 'copy', 'add', 'workdir']);

/** FROM with its variables replaced. */
const fromText = ({ base, stage }: OutlinedStage): string => {
  const image = base.kind === 'image' ? base.reference : stage.from.image.value;
  const platform =
    base.kind !== 'stage' && base.platform !== undefined ? [`--platform=${base.platform}`] : [];
  const name = stage.from.name === undefined ? [] : ['AS', stage.from.name.value];
  return ['FROM', ...platform, image, ...name].join(' ');
};

/** Instructions of a stage that do more than change the configuration; FROM is one where it names an image. */
const workOf = ({ base, stage }: OutlinedStage): number =>
  stage.instructions.filter(({ kind }) => FILE_KINDS.has(kind)).length + (base.kind === 'image' ? 1 : 0);

const fromStep = (outlined: OutlinedStage, index: number, total: number): BuildStep => ({
  id: `stage ${outlined.index}`,
  name: fromText(outlined),
  written: outlined.stage.from.text,
  stage: outlined.name,
  inStage: outlined.base.kind === 'image' ? { index: 1, total: workOf(outlined) } : undefined,
  index,
  total,
  range: outlined.stage.from.range,
  kind: 'source',
});

/** FROM steps are known before the rest: their number needs only the outline. */
export const numberStages = (outline: Outline): ReadonlyMap<number, BuildStep> => {
  const total = outline.needed.reduce((sum, { stage }) => sum + 1 + stage.instructions.length, 0);
  let index = 1;
  const steps = new Map<number, BuildStep>();
  for (const outlined of outline.needed) {
    steps.set(outlined.index, fromStep(outlined, index, total));
    index += 1 + outlined.stage.instructions.length;
  }
  return steps;
};

const key = (stage: number, position: number): string => `${stage} ${position}`;

/** Numbers every step, in pieces, once triggers of base images are known too. */
export function* numberSteps(planned: Iterable<PlannedStage>): Pieces<StepTable> {
  const stages = [...planned];
  const total = stages.reduce((sum, { steps }) => sum + 1 + steps.length, 0);
  const table = new Map<string, BuildStep>();
  let index = 1;
  for (const { outlined, steps } of stages) {
    const from = fromStep(outlined, index++, total);
    const work = steps.filter(({ operation }) => operation !== undefined).length + (from.inStage?.index ?? 0);
    table.set(key(outlined.index, -1), { ...from, inStage: from.inStage && { index: 1, total: work } });
    let done = from.inStage?.index ?? 0;
    for (const [position, step] of steps.entries()) {
      if (step.operation !== undefined) done += 1;
      table.set(key(outlined.index, position), {
        id: `stage ${outlined.index} step ${position}`,
        name: step.name,
        written: step.written,
        stage: outlined.name,
        inStage: step.operation === undefined ? undefined : { index: done, total: work },
        index: index++,
        total,
        range: step.range,
        kind: step.operation === undefined ? 'metadata' : 'filesystem',
      });
      yield;
    }
  }
  const at = (stage: number, position: number): BuildStep => {
    const step = table.get(key(stage, position));
    if (step === undefined) throw new Error(`no step ${position} in stage ${stage}`);
    return step;
  };
  return { at, total };
}
