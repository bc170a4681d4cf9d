import type { StepResult } from '#cache';
import { doInSlices, type Pieces } from '#dockerfile';
import {
  toGraph,
  identifySteps,
  createNoShare,
  createVertexShare,
  type Graph,
  type VertexShare,
} from '#graph';
import { epochsOf } from '#plan';
import { solve } from '#solver';
import type { Lane } from './lanes.ts';
import { createProgress, type Progress } from './progress.ts';
import { surroundingsOf } from './surroundings.ts';
import { createTeller, type Teller } from './teller.ts';

/** A platform of a build while it is solved. */
export interface SolvedLane {
  readonly lane: Lane;
  readonly graph: Graph;
  readonly progress: Progress;
}

/** The stages that `--no-cache-filter` names, in lower case; tells of names that no stage has. */
const noCacheStagesOf = ({ request, file, emit }: Lane['draft']): ReadonlySet<string> => {
  if ((request.noCacheFilter ?? []).length === 0) return new Set();
  const names = new Set((request.noCacheFilter ?? []).map((name) => name.toLowerCase()));
  const known = new Set(
    file.stages.flatMap(({ from }, index) => [String(index), from.name?.value.toLowerCase() ?? '']),
  );
  for (const name of names)
    if (!known.has(name))
      emit({ kind: 'warning', message: `no stage is called ${name}, which --no-cache-filter names` });
  return names;
};

/** The graph of one platform; work that an earlier one has too is shared with it. */
function* graphOf({ draft, bases, plan, prefix }: Lane, teller: Teller, share: VertexShare): Pieces<Graph> {
  const { request, context, file, tools } = draft;
  const job = { scope: context.scope, platform: prefix };
  const identities = yield* identifySteps(tools.cache, job, plan.planned);
  return yield* toGraph({
    file,
    planned: plan.planned,
    bases: bases.byStage,
    images: bases.byReference,
    context: context.tree,
    tools: tools.run,
    surroundings: surroundingsOf(draft, plan.planned),
    identities,
    prefix,
    share,
    noCache: request.noCache ?? false,
    noCacheStages: noCacheStagesOf(draft),
    epochs: epochsOf(draft.epoch, plan.planned, draft.outline.target.index),
    stepAt: (stage, position) => plan.table.at(stage, position),
    onOutput: (step, stream, data) => teller.emit({ kind: 'step-log', step, stream, data }),
  });
}

/** Stages whose steps another platform carries out, all of them. */
const untoldOf = ({ plan }: Lane, { steps, shared }: Graph): ReadonlySet<number> => {
  if (shared.size === 0) return new Set();
  const own = new Set(Array.from(steps.values(), ({ stage, position }) => (position < 0 ? -1 : stage)));
  const others = new Set(Array.from(shared.values(), ({ stage }) => stage));
  return new Set([...plan.planned.keys()].filter((stage) => others.has(stage) && !own.has(stage)));
};

const progressOf = (lane: Lane, teller: Teller, graph: Graph): Progress =>
  createProgress({
    planned: lane.plan.planned,
    table: lane.plan.table,
    teller,
    placeOf: (id) => graph.steps.get(id),
    sharedOf: (id) => graph.shared.get(id),
    untold: untoldOf(lane, graph),
    names: graph.identities,
  });

/** Whether a step's layers lie on those of the step below. */
const standsOn = (result: StepResult, below: StepResult): boolean =>
  below.layers.every((layer, index) => result.layers[index] === layer);

const solveTargets = async (solved: readonly SolvedLane[]): Promise<void> => {
  const [first] = solved;
  if (first === undefined) return;
  const { request, tools } = first.lane.draft;
  const targets = solved.map(({ lane, graph }) => graph.ends.get(lane.draft.outline.target.index));
  await solve([...new Set(targets.filter((target) => target !== undefined))], {
    cache: tools.cache,
    emit: (event) => {
      for (const { progress } of solved) progress.onSolve(event);
      tools.exchange.record(event);
    },
    signal: request.signal,
    flights: tools.flights,
    contains: standsOn,
  });
};

/** Solves what the targets of all platforms need, at once. */
export const solveLanes = async (lanes: readonly Lane[]): Promise<readonly SolvedLane[]> => {
  const share = lanes.length > 1 ? createVertexShare() : createNoShare();
  const solved: SolvedLane[] = [];
  try {
    for (const lane of lanes) {
      const teller = createTeller(lane.draft.emit);
      const graph = await doInSlices(graphOf(lane, teller, share), lane.draft.request.signal);
      solved.push({ lane, graph, progress: progressOf(lane, teller, graph) });
    }
    await solveTargets(solved);
    for (const { progress } of solved) progress.finish();
  } finally {
    await Promise.all(solved.map(({ progress }) => progress.told()));
  }
  return solved;
};
