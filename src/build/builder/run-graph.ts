import { solve } from '#solver';
import type { Draft } from './draft.ts';
import type { Bases } from './find-bases.ts';
import { toGraph, type Graph } from './graph.ts';
import type { Plan } from './make-plan.ts';
import { createProgress, type Progress } from './progress.ts';
import { surroundingsOf } from './surroundings.ts';

/** The graph of a plan. */
export const graphOf = (draft: Draft, bases: Bases, plan: Plan): Graph => {
  const { request, context, file, emit, tools } = draft;
  return toGraph({
    file,
    planned: plan.planned,
    bases: bases.byStage,
    images: bases.byReference,
    context: context.tree,
    tools: tools.run,
    surroundings: surroundingsOf(draft, plan.planned),
    scope: context.scope,
    noCache: request.noCache ?? false,
    epoch: tools.run.clampToNs === undefined ? undefined : String(tools.run.clampToNs),
    stepAt: (stage, position) => plan.table.at(stage, position),
    onOutput: (step, stream, data) => emit({ kind: 'step-log', step, stream, data }),
  });
};

/** Solves what the target needs. */
export const runGraph = async (draft: Draft, plan: Plan, graph: Graph): Promise<Progress> => {
  const { emit, tools, request, outline: stages } = draft;
  const target = graph.ends.get(stages.target.index);
  const progress = createProgress({
    planned: plan.planned,
    table: plan.table,
    emit,
    placeOf: (id) => graph.steps.get(id),
    nameOf: (identity) => graph.names.get(identity) ?? identity,
  });
  if (target !== undefined) {
    await solve([target], {
      cache: tools.cache,
      emit: (event) => progress.onSolve(event),
      signal: request.signal,
    });
  }
  progress.finish();
  return progress;
};
