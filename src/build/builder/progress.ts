import type { Emit } from '#events';
import type { SolveEvent } from '#solver';
import type { StepResult } from './cache.ts';
import type { BuildVertex } from './graph.ts';
import { toReasons } from './miss-reasons.ts';
import type { Outline, OutlinedStage } from './outline.ts';
import type { PlannedStage } from './plan.ts';
import type { BuildEvent, BuildStep } from './types.ts';

/** All steps of a build in the order of the file, by stage and position; FROM has the position -1. */
export interface StepTable {
  at(stage: number, position: number): BuildStep;
  readonly total: number;
}

/** FROM with its variables replaced. */
const fromText = ({ base, stage }: OutlinedStage): string => {
  const image = base.kind === 'image' ? base.reference : stage.from.image.value;
  const platform =
    base.kind === 'image' && base.platform !== undefined ? [`--platform=${base.platform}`] : [];
  const name = stage.from.name === undefined ? [] : ['AS', stage.from.name.value];
  return ['FROM', ...platform, image, ...name].join(' ');
};

const fromStep = (outlined: OutlinedStage, index: number, total: number): BuildStep => ({
  id: `stage ${outlined.index}`,
  name: fromText(outlined),
  stage: outlined.name,
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

/** Numbers every step once triggers of base images are known too. */
export const numberSteps = (planned: Iterable<PlannedStage>): StepTable => {
  const stages = [...planned];
  const total = stages.reduce((sum, { steps }) => sum + 1 + steps.length, 0);
  const table = new Map<string, BuildStep>();
  let index = 1;
  for (const { outlined, steps } of stages) {
    table.set(key(outlined.index, -1), fromStep(outlined, index++, total));
    for (const [position, step] of steps.entries()) {
      table.set(key(outlined.index, position), {
        id: `stage ${outlined.index} step ${position}`,
        name: step.name,
        stage: outlined.name,
        index: index++,
        total,
        range: step.range,
        kind: step.operation === undefined ? 'metadata' : 'filesystem',
      });
    }
  }
  const at = (stage: number, position: number): BuildStep => {
    const step = table.get(key(stage, position));
    if (step === undefined) throw new Error(`no step ${position} in stage ${stage}`);
    return step;
  };
  return { at, total };
};

export interface ProgressInput {
  readonly planned: ReadonlyMap<number, PlannedStage>;
  readonly table: StepTable;
  readonly emit: Emit<BuildEvent>;
  /** Stage and position of a vertex, by its id. */
  readonly placeOf: (id: string) => { readonly stage: number; readonly position: number } | undefined;
  /** Progress name of a step's identity. */
  readonly nameOf: (identity: string) => string;
}

/** Turns the solver's events into those of a build, and tells what only changes the configuration in between. */
export interface Progress {
  onSolve(event: SolveEvent<StepResult>): void;
  /** Tells the metadata steps at the end of every stage. */
  finish(): void;
  readonly counts: { readonly cached: number; readonly executed: number };
  /** Results of steps, by stage and position. */
  resultsOf(stage: number): ReadonlyMap<number, StepResult>;
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

export const createProgress = (input: ProgressInput): Progress => {
  const { planned, table, emit } = input;
  const told = new Map<number, number>();
  const results = new Map<number, Map<number, StepResult>>();
  let cached = 0;
  let executed = 0;

  const tellUpTo = (stage: number, position: number): void => {
    const steps = planned.get(stage)?.steps ?? [];
    for (let at = told.get(stage) ?? 0; at < Math.min(position, steps.length); at += 1) {
      told.set(stage, at + 1);
      if (steps[at]?.operation !== undefined) continue;
      const step = table.at(stage, at);
      emit({ kind: 'step-started', step, reasons: [] });
      emit({ kind: 'step-done', step, durationMs: 0 });
    }
  };
  const keep = (stage: number, position: number, result: StepResult): void => {
    const known = results.get(stage) ?? new Map<number, StepResult>();
    results.set(stage, known.set(position, result));
  };
  const stepOf = (vertex: BuildVertex): { stage: number; position: number; step: BuildStep } | undefined => {
    const place = input.placeOf(vertex.id);
    if (place === undefined || place.position < 0) return undefined;
    return { ...place, step: table.at(place.stage, place.position) };
  };
  const onSolve = (event: SolveEvent<StepResult>): void => {
    const found = stepOf(event.vertex);
    if (found === undefined) return;
    const { stage, position, step } = found;
    switch (event.kind) {
      case 'cached':
        tellUpTo(stage, position);
        cached += 1;
        keep(stage, position, event.result);
        return emit({ kind: 'step-cached', step });
      case 'started':
        tellUpTo(stage, position);
        return emit({ kind: 'step-started', step, reasons: toReasons(event.differences, input.nameOf) });
      case 'done': {
        executed += 1;
        keep(stage, position, event.result);
        const { own, size } = event.result;
        const layerSize = own === undefined ? undefined : size;
        return emit({ kind: 'step-done', step, durationMs: event.durationMs, layerSize });
      }
      case 'failed': {
        const { durationMs, error } = event;
        return emit({ kind: 'step-failed', step, message: messageOf(error), durationMs });
      }
      case 'cancelled':
        return emit({ kind: 'step-cancelled', step });
      default:
        return event satisfies never;
    }
  };
  return {
    onSolve,
    finish: () => {
      for (const [stage, { steps }] of planned) tellUpTo(stage, steps.length);
    },
    get counts() {
      return { cached, executed };
    },
    resultsOf: (stage) => results.get(stage) ?? new Map(),
  };
};
