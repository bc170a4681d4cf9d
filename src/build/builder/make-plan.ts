import type { SourceRange } from '#dockerfile';
import type { Bases } from './find-bases.ts';
import type { Draft } from './draft.ts';
import { scratchConfig, withPath } from './image-draft.ts';
import { planStages, type PlannedStage } from './plan.ts';
import { numberSteps, type StepTable } from './progress.ts';
import { BUILD_NAMES, PROXY_NAMES } from './variables.ts';

/** The needed stages in every detail, and their steps numbered. */
export interface Plan {
  readonly planned: ReadonlyMap<number, PlannedStage>;
  readonly table: StepTable;
}

/** Plans the needed stages; warns of build arguments that nothing declares. */
export const makePlan = (draft: Draft, bases: Bases): Plan => {
  const { file, globals, automatic, platform, emit } = draft;
  const buildArgs = draft.request.buildArgs ?? {};
  const consumed = new Set(globals.declared.keys());
  const warn = (message: string, range: SourceRange): void => emit({ kind: 'warning', message, range });
  const input = { file, buildArgs, globals, automatic, warn, consumed };
  const planned = planStages(input, draft.outline, ({ index }) => {
    const base = bases.byStage.get(index)?.config;
    return base === undefined ? scratchConfig(platform) : withPath(base);
  });
  const unused = Object.keys(buildArgs).filter(
    (name) => !consumed.has(name) && !PROXY_NAMES.has(name) && !BUILD_NAMES.has(name),
  );
  if (unused.length > 0)
    emit({ kind: 'warning', message: `one or more build-args [${unused.join(' ')}] were not consumed` });
  return { planned, table: numberSteps(planned.values()) };
};
