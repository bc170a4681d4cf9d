import type { Pieces, StageInstruction } from '#dockerfile';
import type { ContainerConfig, ImageConfig } from '#oci';
import { withoutPasswords } from '#sources';
import type { PlannedStep } from '#steps';
import { planCopy, planRun, planWorkdir } from './files.ts';
import { planMetadata } from './metadata.ts';
import type { OutlinedStage, Outline } from './outline.ts';
import { configOf, startStage, type Inherited, type PlanInput, type StageState } from './stage-state.ts';

/** A stage whose instructions are known in every detail. */
export interface PlannedStage {
  readonly outlined: OutlinedStage;
  /** What it starts from: the image's configuration, or that of the stage below. */
  readonly baseConfig: ImageConfig;
  readonly steps: readonly PlannedStep[];
  /** The configuration at its end. */
  readonly config: ContainerConfig;
  readonly author: string | undefined;
  /** What stages on top of it take over. */
  readonly left: Inherited;
}

const planInstruction = (state: StageState, instruction: StageInstruction): PlannedStep => {
  if (instruction.kind === 'run') return planRun(state, instruction);
  if (instruction.kind === 'copy' || instruction.kind === 'add') return planCopy(state, instruction);
  if (instruction.kind === 'workdir') return planWorkdir(state, instruction);
  const { config, createdBy } = planMetadata(state, instruction);
  if (config !== undefined) state.config = { ...state.config, ...config };
  return { name: createdBy, createdBy, range: instruction.range, operation: undefined };
};

/** The instruction as its author wrote it, as it may be shown and kept. */
const writtenOf = ({ kind, text }: StageInstruction): string =>
  kind === 'add' ? withoutPasswords(text) : text;

/** Plans one stage on top of `base`. */
function* planStage(
  input: PlanInput,
  outlined: OutlinedStage,
  base: { readonly config: ImageConfig; readonly below: PlannedStage | undefined },
): Pieces<PlannedStage> {
  const { below } = base;
  const config = below === undefined ? base.config.config : below.config;
  const state = startStage(
    {
      input,
      stage: outlined.stage,
      index: outlined.index,
      // The triggers of what is below come before the stage's own instructions, and are gone then.
      config: { ...config, OnBuild: undefined },
      author: below === undefined ? base.config.author : below.author,
    },
    below?.left,
  );
  for (const instruction of [...outlined.triggers, ...outlined.stage.instructions]) {
    state.current = instruction;
    const step = planInstruction(state, instruction);
    input.spend(step.name.length + step.createdBy.length);
    state.steps.push({ ...step, written: writtenOf(instruction) });
    yield;
  }
  return {
    outlined,
    baseConfig: base.config,
    steps: state.steps,
    config: configOf(state),
    author: state.author,
    left: state,
  };
}

/** Plans the needed stages, in pieces; `baseOf` gives the configuration of a stage's image (scratch included). */
export function* planStages(
  input: PlanInput,
  outline: Outline,
  baseOf: (stage: OutlinedStage) => ImageConfig,
): Pieces<ReadonlyMap<number, PlannedStage>> {
  const planned = new Map<number, PlannedStage>();
  for (const outlined of outline.needed) {
    const below = outlined.base.kind === 'stage' ? planned.get(outlined.base.stage) : undefined;
    const config = below?.baseConfig ?? baseOf(outlined);
    planned.set(outlined.index, yield* planStage(input, outlined, { config, below }));
    yield;
  }
  return planned;
}
