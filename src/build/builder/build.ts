import type { Emit } from '#events';
import { canonicalString, parseReference, type ImageConfig } from '#oci';
import { checkDelivery, deliver, type BuiltImage, type OutputSpec } from '#outputs';
import { createdOf, withinLimits } from '#plan';
import type { OpenContext } from '#sources';
import { checkResources } from '#steps';
import { createAttester, type Attester } from './attest.ts';
import { credentialsFor } from './base-images.ts';
import type { BuildTools } from './draft.ts';
import { finishImage, type StageResult } from './finish-image.ts';
import { planLanes, platformsOf } from './lanes.ts';
import { metadataOf } from './metadata.ts';
import { solveLanes, type SolvedLane } from './run-graph.ts';
import { isOn } from './settings.ts';
import { squashImage } from './squash.ts';
import type { BuildEvent, BuildRequest, BuildResult } from './types.ts';

/** The target stage and the stages it stands on, lowest first. */
const chainOf = ({ lane, progress }: SolvedLane): readonly StageResult[] => {
  const { draft, plan } = lane;
  const chain: StageResult[] = [];
  for (let index: number | undefined = draft.outline.target.index; index !== undefined;) {
    const planned = plan.planned.get(index);
    if (planned === undefined) break;
    chain.push({ planned, results: progress.resultsOf(index) });
    const { base } = planned.outlined;
    index = base.kind === 'stage' ? base.stage : undefined;
  }
  return chain.toReversed();
};

const targetsOf = (solved: readonly SolvedLane[]) =>
  solved.flatMap(({ lane, graph }) => graph.ends.get(lane.draft.outline.target.index) ?? []);

/** The configuration with the results that the image is made of, where `--cache-to type=inline` is given. */
const withInlineCache = (tools: BuildTools, solved: SolvedLane, config: ImageConfig): ImageConfig => {
  const buildCache = tools.exchange.inlineOf(targetsOf([solved]));
  return buildCache === undefined ? config : { ...config, buildCache };
};

/** The image of one platform. */
const finish = async (tools: BuildTools, request: BuildRequest, solved: SolvedLane): Promise<BuiltImage> => {
  const chain = chainOf(solved);
  const epoch = createdOf(solved.lane.draft.epoch, chain[0]?.planned.baseConfig.created);
  const config = finishImage(chain, { epoch, labels: request.labels ?? {} });
  const { platform } = solved.lane;
  if (request.squash !== true) return { platform, config: withInlineCache(tools, solved, config) };
  const kept = chain[0]?.planned.baseConfig.rootfs.diffIds.length ?? 0;
  const { layers, run } = tools;
  const squashed = await squashImage({ layers, lease: run.lease }, config, { kept, signal: request.signal });
  return { platform, config: squashed };
};

const outputsOf = ({ outputs, tags = [] }: BuildRequest): readonly OutputSpec[] =>
  outputs ?? [{ kind: 'image', names: tags, push: false }];

const stepsOf = (solved: readonly SolvedLane[]): BuildResult['steps'] => {
  const sum = (count: (one: SolvedLane) => number): number =>
    solved.reduce((total, one) => total + count(one), 0);
  return {
    total: sum(({ lane, graph }) => lane.plan.table.total - graph.shared.size),
    cached: sum(({ progress }) => progress.counts.cached),
    executed: sum(({ progress }) => progress.counts.executed),
  };
};

/** What cannot be delivered is refused before anything is built. */
const checkRequest = (request: BuildRequest): void => {
  for (const name of request.tags ?? []) parseReference(name);
  const { annotations = {}, limits, shmSizeBytes } = request;
  const multiPlatform = isOn(request, 'BUILDKIT_MULTI_PLATFORM');
  checkDelivery({ outputs: outputsOf(request), annotations, multiPlatform }, platformsOf(request));
  checkResources({ ...limits, shmSizeBytes });
};

/** Statements are about manifests: files alone have none. */
const warnUnattested = (request: BuildRequest, emit: Emit<BuildEvent>): void => {
  const kinds = new Set(outputsOf(request).map(({ kind }) => kind));
  if (kinds.has('image') || kinds.has('oci') || kinds.has('docker')) return;
  emit({ kind: 'warning', message: 'provenance and SBOM are made for images only: this build makes none' });
};

interface Result {
  readonly images: readonly BuiltImage[];
  readonly attester: Attester;
}

const deliverImages = (
  tools: BuildTools,
  request: BuildRequest,
  { images, attester }: Result,
  emit: Emit<BuildEvent>,
) =>
  deliver(tools, {
    images,
    multiPlatform: isOn(request, 'BUILDKIT_MULTI_PLATFORM'),
    outputs: outputsOf(request),
    names: (request.tags ?? []).map((tag) => canonicalString(parseReference(tag))),
    annotations: request.annotations ?? {},
    statements: attester.statements,
    credentials: (repository) => credentialsFor(request.auth?.(repository)),
    emit,
    signal: request.signal,
  });

/** Builds the images of all platforms from an open context, and brings them where they are wanted. */
export const runBuild = async (
  tools: BuildTools,
  request: BuildRequest,
  context: OpenContext,
  emit: Emit<BuildEvent>,
): Promise<Omit<BuildResult, 'buildId'>> => {
  const from = performance.now();
  checkRequest(request);
  const startedAt = new Date();
  const lanes = await planLanes({ tools, request, context, emit });
  const solved = await solveLanes(lanes);
  const images: BuiltImage[] = [];
  for (const one of solved) {
    const image = await finish(tools, request, one);
    images.push({ ...image, config: withinLimits(request, image.config) });
  }
  request.signal?.throwIfAborted();
  const attester = createAttester({ tools, request, lanes, buildId: tools.buildId, startedAt, emit });
  if (attester.statements !== undefined) warnUnattested(request, emit);
  const delivered = await deliverImages(tools, request, { images, attester }, emit);
  await tools.exchange.write(targetsOf(solved));
  return {
    imageId: delivered.imageId,
    digest: delivered.descriptor?.digest,
    images: delivered.images,
    metadata: metadataOf(delivered, attester.provenance),
    tags: delivered.names,
    steps: stepsOf(solved),
    durationMs: performance.now() - from,
  };
};
