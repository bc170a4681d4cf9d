import { solve } from '#solver';
import type { StepResult } from './cache.ts';
import { epochsOf } from './epoch.ts';
import { toGraph, type Graph } from './graph.ts';
import type { Lane } from './lanes.ts';
import { createProgress, type Progress } from './progress.ts';
import { identifySteps } from './step-identities.ts';
import { surroundingsOf } from './surroundings.ts';
import { createNoShare, createVertexShare, type VertexShare } from './vertex-share.ts';

/** A platform of a build while it is solved. */
export interface SolvedLane {
  readonly lane: Lane;
  readonly graph: Graph;
  readonly progress: Progress;
}

/** The stages that `--no-cache-filter` names, in lower case; tells of names that no stage has. */
const noCacheStagesOf = ({ request, file, emit }: Lane['draft']): ReadonlySet<string> => {
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
const graphOf = ({ draft, bases, plan, prefix }: Lane, share: VertexShare): Graph => {
  const { request, context, file, emit, tools } = draft;
  return toGraph({
    file,
    planned: plan.planned,
    bases: bases.byStage,
    images: bases.byReference,
    context: context.tree,
    tools: tools.run,
    surroundings: surroundingsOf(draft, plan.planned),
    identities: identifySteps(tools.cache, { scope: context.scope, platform: prefix }, plan.planned),
    prefix,
    share,
    noCache: request.noCache ?? false,
    noCacheStages: noCacheStagesOf(draft),
    epochs: epochsOf(draft.epoch, plan.planned, draft.outline.target.index),
    stepAt: (stage, position) => plan.table.at(stage, position),
    onOutput: (step, stream, data) => emit({ kind: 'step-log', step, stream, data }),
  });
};

/** Stages whose steps another platform carries out, all of them. */
const untoldOf = ({ plan }: Lane, { steps, shared }: Graph): ReadonlySet<number> => {
  const own = new Set(Array.from(steps.values(), ({ stage, position }) => (position < 0 ? -1 : stage)));
  const others = new Set(Array.from(shared.values(), ({ stage }) => stage));
  return new Set([...plan.planned.keys()].filter((stage) => others.has(stage) && !own.has(stage)));
};

const progressOf = (lane: Lane, graph: Graph): Progress =>
  createProgress({
    planned: lane.plan.planned,
    table: lane.plan.table,
    emit: lane.draft.emit,
    placeOf: (id) => graph.steps.get(id),
    sharedOf: (id) => graph.shared.get(id),
    untold: untoldOf(lane, graph),
    names: graph.identities,
  });

/** Whether a step's layers lie on those of the step below. */
const standsOn = (result: StepResult, below: StepResult): boolean =>
  below.layers.every((layer, index) => result.layers[index] === layer);

/** Solves what the targets of all platforms need, at once. */
export const solveLanes = async (lanes: readonly Lane[]): Promise<readonly SolvedLane[]> => {
  const share = lanes.length > 1 ? createVertexShare() : createNoShare();
  const solved = lanes.map((lane): SolvedLane => {
    const graph = graphOf(lane, share);
    return { lane, graph, progress: progressOf(lane, graph) };
  });
  const targets = solved.map(({ lane, graph }) => graph.ends.get(lane.draft.outline.target.index));
  const [first] = lanes;
  if (first !== undefined)
    await solve([...new Set(targets.filter((target) => target !== undefined))], {
      cache: first.draft.tools.cache,
      emit: (event) => {
        for (const { progress } of solved) progress.onSolve(event);
        first.draft.tools.exchange.recorder?.add(event);
      },
      signal: first.draft.request.signal,
      flights: first.draft.tools.flights,
      contains: standsOn,
    });
  for (const { progress } of solved) progress.finish();
  return solved;
};
