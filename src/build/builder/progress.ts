import type { Pieces } from '#dockerfile';
import type { SolveEvent } from '#solver';
import type { StepResult } from './cache.ts';
import { toReasons, type StepNames } from './miss-reasons.ts';
import type { Outline, OutlinedStage } from './outline.ts';
import type { PlannedStage } from './plan.ts';
import type { Teller } from './teller.ts';
import type { BuildEvent, BuildStep } from './types.ts';

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

interface ProgressInput {
  readonly planned: ReadonlyMap<number, PlannedStage>;
  readonly table: StepTable;
  readonly teller: Teller;
  /** Stage and position of a vertex, by its id. */
  readonly placeOf: (id: string) => { readonly stage: number; readonly position: number } | undefined;
  /** The same of steps that are told for another platform. */
  readonly sharedOf: (id: string) => { readonly stage: number; readonly position: number } | undefined;
  /** Stages all of whose steps are told for another platform. */
  readonly untold: ReadonlySet<number>;
  readonly names: StepNames;
}

/** Turns the solver's events into those of a build, and tells what only changes the configuration in between. */
export interface Progress {
  onSolve(event: SolveEvent<StepResult>): void;
  /** Tells the metadata steps at the end of every stage. */
  finish(): void;
  /** Resolves once everything is told. */
  told(): Promise<void>;
  readonly counts: { readonly cached: number; readonly executed: number };
  /** Results of steps, by stage and position. */
  resultsOf(stage: number): ReadonlyMap<number, StepResult>;
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Where one build stands. */
interface State {
  readonly input: ProgressInput;
  /** By stage: how many steps were told. */
  readonly told: Map<number, number>;
  /** By stage: where its last step that touches files stands; -1 without one. */
  readonly lastWork: ReadonlyMap<number, number>;
  readonly results: Map<number, Map<number, StepResult>>;
  cached: number;
  executed: number;
}

interface Place {
  readonly stage: number;
  readonly position: number;
  readonly step: BuildStep;
}

/** What there is to tell of the metadata steps of a stage in a range of positions. */
function* metadataEvents(
  { planned, table }: ProgressInput,
  stage: number,
  [from, to]: readonly [number, number],
): Generator<BuildEvent> {
  const steps = planned.get(stage)?.steps ?? [];
  for (let at = from; at < to; at += 1) {
    if (steps[at]?.operation !== undefined) continue;
    const step = table.at(stage, at);
    yield { kind: 'step-started', step, reasons: [] };
    yield { kind: 'step-done', step, durationMs: 0 };
  }
}

/** Tells the metadata steps of a stage before `position` that were not told yet. */
const tellUpTo = ({ input, told }: State, stage: number, position: number): void => {
  const from = told.get(stage) ?? 0;
  const to = Math.min(position, input.planned.get(stage)?.steps.length ?? 0);
  if (from >= to) return;
  told.set(stage, to);
  input.teller.tellAll(metadataEvents(input, stage, [from, to]));
};

/** Tells what follows the last step of a stage that touches files: nothing comes after that it could wait for. */
const tellTail = (state: State, stage: number, position: number): void => {
  if ((state.lastWork.get(stage) ?? -1) <= position) tellUpTo(state, stage, Infinity);
};

const keep = ({ results }: State, { stage, position }: Omit<Place, 'step'>, result: StepResult): void => {
  const known = results.get(stage) ?? new Map<number, StepResult>();
  results.set(stage, known.set(position, result));
};

const tell = (state: State, place: Place, event: SolveEvent<StepResult>): void => {
  const { names, teller } = state.input;
  const { emit } = teller;
  const { step } = place;
  switch (event.kind) {
    case 'unneeded':
      tellUpTo(state, place.stage, place.position);
      state.cached += 1;
      return emit({ kind: 'step-cached', step, needed: false });
    case 'cached':
      tellUpTo(state, place.stage, place.position);
      state.cached += 1;
      keep(state, place, event.result);
      emit({ kind: 'step-cached', step, layer: event.result.own });
      return tellTail(state, place.stage, place.position);
    case 'started':
      tellUpTo(state, place.stage, place.position);
      return emit({ kind: 'step-started', step, reasons: toReasons(event.differences, names) });
    case 'done': {
      state.executed += 1;
      keep(state, place, event.result);
      const { own, size } = event.result;
      const layerSize = own === undefined ? undefined : size;
      emit({ kind: 'step-done', step, durationMs: event.durationMs, layerSize, layer: own });
      return tellTail(state, place.stage, place.position);
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

export const createProgress = (input: ProgressInput): Progress => {
  const told = new Map(Array.from(input.untold, (stage) => [stage, Infinity] as const));
  const lastWork = new Map(
    Array.from(input.planned, ([stage, { steps }]) => [
      stage,
      steps.findLastIndex(({ operation }) => operation !== undefined),
    ]),
  );
  const state: State = { input, told, lastWork, results: new Map(), cached: 0, executed: 0 };
  for (const stage of input.planned.keys()) tellTail(state, stage, -1);
  return {
    onSolve: (event) => {
      const shared = input.sharedOf(event.vertex.id);
      if (shared !== undefined && (event.kind === 'cached' || event.kind === 'done'))
        keep(state, shared, event.result);
      const place = input.placeOf(event.vertex.id);
      if (place === undefined || place.position < 0) return;
      tell(state, { ...place, step: input.table.at(place.stage, place.position) }, event);
    },
    finish: () => {
      for (const stage of input.planned.keys()) tellUpTo(state, stage, Infinity);
    },
    told: () => input.teller.settled(),
    get counts() {
      return { cached: state.cached, executed: state.executed };
    },
    resultsOf: (stage) => state.results.get(stage) ?? new Map(),
  };
};
