import type { Emit } from '#events';
import type { Library } from '#library';
import {
  asImageId,
  canonicalString,
  encodeImageConfig,
  parseReference,
  sha256Of,
  type ImageConfig,
  type ImageId,
} from '#oci';
import type { OpenContext } from '#sources';
import { draftBuild, type BuildTools, type Draft } from './draft.ts';
import { findBases } from './find-bases.ts';
import { finishImage, type StageResult } from './finish-image.ts';
import { makePlan, type Plan } from './make-plan.ts';
import type { Progress } from './progress.ts';
import { graphOf, runGraph } from './run-graph.ts';
import type { BuildEvent, BuildRequest, BuildResult } from './types.ts';

/** The target stage and the stages it stands on, lowest first. */
const chainOf = (draft: Draft, plan: Plan, progress: Progress): readonly StageResult[] => {
  const chain: StageResult[] = [];
  for (let index: number | undefined = draft.outline.target.index; index !== undefined;) {
    const planned = plan.planned.get(index);
    if (planned === undefined) break;
    chain.unshift({ planned, results: progress.resultsOf(index) });
    const { base } = planned.outlined;
    index = base.kind === 'stage' ? base.stage : undefined;
  }
  return chain;
};

/** Records the image, unless exactly this image has exactly these names already. */
const record = async (library: Library, config: ImageConfig, tags: readonly string[]): Promise<ImageId> => {
  const id = asImageId(sha256Of(encodeImageConfig(config)));
  const known = (name: string): boolean => {
    try {
      return library.resolve(name).id === id;
    } catch {
      return false;
    }
  };
  if ([id, ...tags].every(known)) return id;
  return (await library.createImage({ config, tags })).id;
};

/** RFC 3339 of SOURCE_DATE_EPOCH, where it is given. */
const epochOf = (request: BuildRequest): string | undefined => {
  const seconds = request.buildArgs?.['SOURCE_DATE_EPOCH'];
  return seconds === undefined || !/^\d+$/u.test(seconds)
    ? undefined
    : new Date(Number(seconds) * 1000).toISOString();
};

/** Builds an image from an open context. */
export const runBuild = async (
  tools: BuildTools,
  request: BuildRequest,
  context: OpenContext,
  emit: Emit<BuildEvent>,
): Promise<Omit<BuildResult, 'buildId'>> => {
  const from = performance.now();
  const tags = (request.tags ?? []).map((tag) => canonicalString(parseReference(tag, { defaultTag: true })));
  const drafted = draftBuild(tools, request, context, emit);
  const bases = await findBases(drafted);
  const plan = makePlan(drafted, bases);
  const graph = graphOf(drafted, bases, plan);
  const progress = await runGraph(drafted, plan, graph);
  const options = { epoch: epochOf(request), labels: request.labels ?? {} };
  const config = finishImage(chainOf(drafted, plan, progress), options);
  request.signal?.throwIfAborted();
  const imageId = await record(tools.library, config, tags);
  const steps = { total: plan.table.total, ...progress.counts };
  return { imageId, tags, steps, durationMs: performance.now() - from };
};
