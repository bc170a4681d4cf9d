import { toReasons, type StepResult, type StepNames } from '#cache';
import type { PlannedStage, BuildStep, StepTable } from '#plan';
import type { SolveEvent } from '#solver';
import type { Teller } from './teller.ts';
import type { BuildEvent } from './types.ts';

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
