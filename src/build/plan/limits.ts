import { placeOf, type Pieces } from '#dockerfile';
import { MAX_STACK } from '#layers';
import { encodeImageConfig, type ImageConfig } from '#oci';
import { planErrors } from './errors.ts';
import type { PlanRequest } from './request.ts';
import type { Sketch } from './sketch.ts';
import type { PlannedStage } from './stages.ts';

/** Most bytes of a configuration that a build makes: what is larger, Podman, Skopeo and Buildah do not read. */
const MAX_CONFIG_BYTES = 4 << 20;

type Stages = ReadonlyMap<number, PlannedStage>;

const belowOf = (planned: Stages, { outlined: { base } }: PlannedStage): PlannedStage | undefined =>
  base.kind === 'stage' ? planned.get(base.stage) : undefined;

/** Most instructions of a target that work on files: each holds some memory, and perhaps a mount, until all are done. */
const MAX_OPERATIONS = 5000;

/** Refuses targets that need more work than a daemon can keep in its memory. */
function* checkOperations(planned: Stages): Pieces<void> {
  let operations = 0;
  for (const { steps } of planned.values()) {
    for (const { operation } of steps) operations += operation === undefined ? 0 : 1;
    if (operations > MAX_OPERATIONS) throw planErrors.tooManyOperations({ limit: MAX_OPERATIONS });
    yield;
  }
}

/**
 * Refuses stages of more layers than can be stacked before the first of them is made. COPY and ADD always make one;
 * what else does is known later.
 */
function* checkLayers({ file }: Sketch, planned: Stages): Pieces<void> {
  const counts = new Map<PlannedStage, number>();
  for (const stage of planned.values()) {
    const below = belowOf(planned, stage);
    let count = (below && counts.get(below)) ?? stage.baseConfig.rootfs.diffIds.length;
    for (const { operation, range } of stage.steps) {
      if (operation?.kind === 'copy' && (count += 1) > MAX_STACK) {
        const { name } = stage.outlined;
        throw planErrors.tooManyLayers({ stage: name, limit: MAX_STACK, ...placeOf(file, range) });
      }
    }
    counts.set(stage, count);
    yield;
  }
}

/** Bytes of a line of the history without its text, and what may be in it besides. */
const ENTRY_BYTES = '{"created_by":"","comment":"buildkit.dockerfile.v0"},'.length;
const EMPTY_BYTES = ',"empty_layer":true'.length;
const CREATED_BYTES = '"created":"1970-01-01T00:00:00Z",'.length;
const PAIR_BYTES = '"":"",'.length;

/** Whether the request wants something that has a configuration. */
const hasConfig = ({ outputs }: PlanRequest): boolean =>
  outputs === undefined ||
  outputs.some(({ kind }) => kind === 'image' || kind === 'oci' || kind === 'docker');

/** Refuses an image whose configuration would be too large for anybody, as far as that is sure before it is built. */
function* checkConfig(sketch: Sketch, planned: Stages): Pieces<void> {
  if (!hasConfig(sketch.request)) return;
  const target = planned.get(sketch.outline.target.index);
  let bytes = 0;
  const count = (more: number): void => {
    bytes += more;
    if (bytes > MAX_CONFIG_BYTES) throw planErrors.configTooLarge({ limit: MAX_CONFIG_BYTES });
  };
  const dated = sketch.epoch.kind === 'kept' ? 0 : CREATED_BYTES;
  for (let stage = target; stage !== undefined; stage = belowOf(planned, stage)) {
    for (const { createdBy, operation } of stage.steps) {
      count(ENTRY_BYTES + dated + (operation === undefined ? EMPTY_BYTES : 0) + createdBy.length);
      yield;
    }
    yield;
  }
  for (const line of target?.config.Env ?? []) count(line.length);
  for (const [key, value] of Object.entries(target?.config.Labels ?? {}))
    count(PAIR_BYTES + key.length + value.length);
}

/**
 * Refuses plans whose image could not be used.
 *
 * @throws `BUILDER_TOO_MANY_OPERATIONS`, `BUILDER_TOO_MANY_LAYERS`, `BUILDER_CONFIG_TOO_LARGE`
 */
export function* checkLimits(sketch: Sketch, planned: Stages): Pieces<void> {
  yield* checkOperations(planned);
  yield* checkLayers(sketch, planned);
  yield* checkConfig(sketch, planned);
}

/**
 * The configuration, unless nobody could read it again.
 *
 * @throws `BUILDER_CONFIG_TOO_LARGE`
 */
export const withinLimits = (request: PlanRequest, config: ImageConfig): ImageConfig => {
  if (!hasConfig(request)) return config;
  // The cache in it is wanted, however large it is.
  const bytes = encodeImageConfig(config).length - (config.buildCache?.length ?? 0);
  if (bytes > MAX_CONFIG_BYTES) throw planErrors.configTooLarge({ limit: MAX_CONFIG_BYTES });
  return config;
};
