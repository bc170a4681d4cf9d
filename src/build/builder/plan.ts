import { parseTrigger, type StageInstruction } from '#dockerfile';
import type { ContainerConfig, ImageConfig } from '#oci';
import type { PlannedStep } from '#steps';
import type { OutlinedStage, Outline } from './outline.ts';
import { planCopy, planRun, planWorkdir } from './plan-files.ts';
import { planMetadata } from './plan-metadata.ts';
import { configOf, located, startStage, type PlanInput, type StageState } from './stage-state.ts';

/** A stage whose instructions are known in every detail. */
export interface PlannedStage {
  readonly outlined: OutlinedStage;
  /** What it starts from: the image's configuration, or that of the stage below. */
  readonly baseConfig: ImageConfig;
  readonly steps: readonly PlannedStep[];
  /** The configuration at its end. */
  readonly config: ContainerConfig;
  readonly author: string | undefined;
  /** ARG values at its end, which stages on top of it inherit. */
  readonly args: ReadonlyMap<string, string>;
}

const planInstruction = (state: StageState, instruction: StageInstruction): PlannedStep => {
  if (instruction.kind === 'run') return planRun(state, instruction);
  if (instruction.kind === 'copy' || instruction.kind === 'add') return planCopy(state, instruction);
  if (instruction.kind === 'workdir') return planWorkdir(state, instruction);
  const { config, createdBy } = planMetadata(state, instruction);
  state.config = { ...state.config, ...config };
  return { name: createdBy, createdBy, range: instruction.range, operation: undefined };
};

/** ONBUILD triggers of the base, be it an image or a stage; they run before the stage's own instructions. */
const triggersOf = (state: StageState): readonly StageInstruction[] => {
  const { range } = state.stage.from;
  const triggers = state.config.OnBuild ?? [];
  state.config = { ...state.config, OnBuild: undefined };
  return triggers.map((trigger) => ({ ...located(state, range, () => parseTrigger(trigger)), range }));
};

/** Plans one stage on top of `base`. */
const planStage = (
  input: PlanInput,
  outlined: OutlinedStage,
  base: { readonly config: ImageConfig; readonly below: PlannedStage | undefined },
): PlannedStage => {
  const { below } = base;
  const state = startStage(
    {
      input,
      stage: outlined.stage,
      index: outlined.index,
      config: below === undefined ? base.config.config : below.config,
      author: below === undefined ? base.config.author : below.author,
    },
    below?.args,
  );
  for (const instruction of [...triggersOf(state), ...outlined.stage.instructions]) {
    state.steps.push({ ...planInstruction(state, instruction), written: instruction.text });
  }
  return {
    outlined,
    baseConfig: base.config,
    steps: state.steps,
    config: configOf(state),
    author: state.author,
    args: state.args,
  };
};

/** Plans the needed stages; `baseOf` gives the configuration of a stage's image (scratch included). */
export const planStages = (
  input: PlanInput,
  outline: Outline,
  baseOf: (stage: OutlinedStage) => ImageConfig,
): ReadonlyMap<number, PlannedStage> => {
  const planned = new Map<number, PlannedStage>();
  for (const outlined of outline.needed) {
    const below = outlined.base.kind === 'stage' ? planned.get(outlined.base.stage) : undefined;
    const config = below?.baseConfig ?? baseOf(outlined);
    planned.set(outlined.index, planStage(input, outlined, { config, below }));
  }
  return planned;
};
