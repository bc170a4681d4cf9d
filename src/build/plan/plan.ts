import { doInSlices } from '#dockerfile';
import type { ImageConfig } from '#oci';
import { checkBasePlatform } from './check-bases.ts';
import { planErrors } from './errors.ts';
import { scratchConfig, withPath } from './image-draft.ts';
import { checkLimits } from './limits.ts';
import { stagePlatform, type Sketch } from './sketch.ts';
import { planStages, type PlannedStage } from './stages.ts';
import { numberSteps, type StepTable } from './step-table.ts';
import { BUILD_NAMES, PROXY_NAMES } from './variables.ts';

/** The needed stages in every detail, and their steps numbered. */
export interface Plan {
  readonly planned: ReadonlyMap<number, PlannedStage>;
  readonly table: StepTable;
}

/** Longest history and environment that a plan may have in all, in characters: no registry takes such an image. */
const MAX_PLAN = 256 << 20;

const createSpending = (): ((characters: number) => void) => {
  let spent = 0;
  return (characters) => {
    spent += characters;
    if (spent > MAX_PLAN) throw planErrors.planTooLarge({ limit: MAX_PLAN });
  };
};

/** Configurations of base images by stage. */
type BaseConfigs = ReadonlyMap<number, ImageConfig>;

const checkPlatforms = ({ outline, report, platform }: Sketch, bases: BaseConfigs): void => {
  for (const { index, base, stage } of outline.needed) {
    const actual = bases.get(index);
    if (base.kind !== 'image' || actual === undefined) continue;
    const { reference } = base;
    const wanted = stagePlatform(base.platform, platform);
    for (const finding of checkBasePlatform(stage.from, { reference, wanted, actual })) report.take(finding);
  }
};

const warnUnused = ({ request, emit }: Sketch, consumed: ReadonlySet<string>): void => {
  const unused = Object.keys(request.buildArgs ?? {}).filter(
    (name) => !consumed.has(name) && !PROXY_NAMES.has(name) && !BUILD_NAMES.has(name),
  );
  if (unused.length > 0)
    emit({ kind: 'warning', message: `one or more build-args [${unused.join(' ')}] were not consumed` });
};

/**
 * Plans the needed stages, in slices of a few milliseconds; warns of build arguments that nothing declares.
 *
 * @throws `BUILDER_CHECKS_FAILED` where the file wants findings to fail the build
 */
export const sketchPlan = async (
  sketch: Sketch,
  bases: BaseConfigs,
): Promise<ReadonlyMap<number, PlannedStage>> => {
  const { file, globals, automatic, platform, report, outline, context, request } = sketch;
  const buildArgs = request.buildArgs ?? {};
  const consumed = new Set(globals.declared.keys());
  checkPlatforms(sketch, bases);
  const { fromNames } = outline;
  const ignored = context.tree.ignore?.matcher;
  const spend = createSpending();
  const input = { file, buildArgs, globals, automatic, report, ignored, fromNames, consumed, spend };
  const pieces = planStages(input, outline, ({ index, base }) => {
    const image = bases.get(index);
    if (image !== undefined) return withPath(image);
    const own = base.kind === 'scratch' ? base.platform : undefined;
    return scratchConfig(stagePlatform(own, platform));
  });
  const planned = await doInSlices(pieces, request.signal);
  report.judge();
  warnUnused(sketch, consumed);
  return planned;
};

/** `sketchPlan` with its steps numbered. */
export const makePlan = async (sketch: Sketch, bases: BaseConfigs): Promise<Plan> => {
  const { signal } = sketch.request;
  const planned = await sketchPlan(sketch, bases);
  await doInSlices(checkLimits(sketch, planned), signal);
  return { planned, table: await doInSlices(numberSteps(planned.values()), signal) };
};
