import { continueTrace, type BuildCache, type StepNames, type StageText, type Trace } from '#cache';
import type { Pieces } from '#dockerfile';
import type { PlannedStage } from '#plan';

/** Which step of the last build each step is, so that a miss can be told by what differs. */
export interface StepIdentities extends StepNames {
  /** Position -1 is FROM. */
  of(stage: number, position: number): string;
}

interface Job {
  /** Tells Dockerfiles apart. */
  readonly scope: string;
  /** Tells the platforms of one build apart. */
  readonly platform: string;
}

const textOf = ({ outlined, steps }: PlannedStage): StageText => ({
  name: outlined.stage.from.name?.value,
  from: outlined.stage.from.image.value,
  steps: steps.flatMap(({ operation, written, name }) =>
    operation === undefined ? [] : [{ kind: operation.kind, text: written ?? name }],
  ),
});

/** The same trace under IDs of its own; `records` gets what each was before. */
const renamed = (trace: Trace, known: Trace, records: Map<string, string>): Trace => {
  const ids = new Set(known.flatMap(({ id, steps }) => [id, ...steps.map((step) => step.id)]));
  const rename = (id: string): string => {
    if (!ids.has(id)) return id;
    const own = `${id}~${records.size}${Date.now().toString(36)}`;
    records.set(own, id);
    return own;
  };
  return trace.map((stage) => ({
    ...stage,
    id: rename(stage.id),
    steps: stage.steps.map((step) => ({ ...step, id: rename(step.id) })),
  }));
};

const addNames = (names: Map<string, string>, starts: Set<string>, trace: Trace): void => {
  for (const { id, name, from, steps } of trace) {
    starts.add(id);
    names.set(id, name === undefined ? `FROM ${from}` : `FROM ${from} AS ${name}`);
    for (const step of steps) names.set(step.id, step.text);
  }
};

/** Finds the steps of the last build of the same Dockerfile again, and remembers those of this one; in pieces. */
export function* identifySteps(
  cache: Pick<BuildCache, 'traceOf' | 'rememberTrace'>,
  job: Job,
  planned: ReadonlyMap<number, PlannedStage>,
): Pieces<StepIdentities> {
  const stages = [...planned.values()];
  const known = cache.traceOf(job.scope, job.platform);
  const records = new Map<string, string>();
  const texts: StageText[] = [];
  for (const stage of stages) {
    texts.push(textOf(stage));
    yield;
  }
  const continued = continueTrace(known.trace, texts);
  yield;
  const trace = known.own ? continued : renamed(continued, known.trace, records);
  const names = new Map<string, string>();
  const starts = new Set<string>();
  addNames(names, starts, known.trace);
  addNames(names, starts, trace);
  const ids = new Map<string, string>();
  for (const [index, { outlined, steps }] of stages.entries()) {
    const traced = trace[index];
    ids.set(`${outlined.index} -1`, traced?.id ?? '');
    let at = 0;
    for (const [position, { operation, name }] of steps.entries()) {
      if (operation === undefined) continue;
      const id = traced?.steps[at++]?.id ?? '';
      ids.set(`${outlined.index} ${position}`, id);
      names.set(id, name);
      yield;
    }
    yield;
  }
  const nameOf = (identity: string): string => names.get(identity) ?? identity;
  cache.rememberTrace(job.scope, job.platform, { trace, records, nameOf });
  return {
    of: (stage, position) => ids.get(`${stage} ${position}`) ?? '',
    nameOf,
    isStart: (identity) => starts.has(identity) || identity.startsWith('image '),
    hasTrace: known.trace.length > 0,
  };
}
