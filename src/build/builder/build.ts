import { detectSyntax, parseDockerfile, type Dockerfile, type SourceRange } from '#dockerfile';
import { toLadeError, type LadeError } from '#errors';
import type { Emit } from '#events';
import type { LayerStore } from '#layers';
import type { Library } from '#library';
import {
  asImageId,
  canonicalString,
  encodeImageConfig,
  hostPlatform,
  parsePlatform,
  parseReference,
  sha256Of,
  type ImageConfig,
  type ImageId,
  type Platform,
} from '#oci';
import { solve } from '#solver';
import { findBaseImage, stagePlatform, type BaseImage } from './base-images.ts';
import type { BuildCache } from './cache.ts';
import type { OpenContext } from './context.ts';
import { builderErrors } from './errors.ts';
import { finishImage, type StageResult } from './finish-image.ts';
import { toGraph, type Graph } from './graph.ts';
import { scratchConfig, withPath } from './image-draft.ts';
import { outline, placeOf, type Outline } from './outline.ts';
import { planStages, type PlannedStage } from './plan.ts';
import { proxyArgs } from './plan-files.ts';
import { createProgress, numberStages, numberSteps, type Progress, type StepTable } from './progress.ts';
import type { RunSurroundings, RunTools } from './run-process.ts';
import type { BuildEvent, BuildRequest, BuildResult } from './types.ts';
import { BUILD_NAMES, globalScope, platformArgs, PROXY_NAMES, type GlobalScope } from './variables.ts';

/** Everything that one build works with. */
export interface BuildTools {
  readonly library: Library;
  readonly layers: LayerStore;
  readonly cache: BuildCache;
  readonly run: RunTools;
}

/** A build before its base images are known. */
interface Draft {
  readonly request: BuildRequest;
  readonly context: OpenContext;
  readonly emit: Emit<BuildEvent>;
  readonly tools: BuildTools;
  readonly file: Dockerfile;
  readonly globals: GlobalScope;
  readonly automatic: Readonly<Record<string, string>>;
  readonly platform: Platform;
  readonly outline: Outline;
}

interface Bases {
  readonly byStage: ReadonlyMap<number, BaseImage>;
  readonly byReference: ReadonlyMap<string, BaseImage>;
}

const warnSyntax = (text: string, emit: Emit<BuildEvent>): void => {
  const syntax = detectSyntax(text);
  if (syntax === undefined || /^(?:docker\.io\/)?docker\/dockerfile(?:-upstream)?(?:[:@]|$)/u.test(syntax))
    return;
  emit({ kind: 'warning', message: `syntax ${syntax} is not used: the built-in Dockerfile language is` });
};

const draft = (
  tools: BuildTools,
  request: BuildRequest,
  context: OpenContext,
  emit: Emit<BuildEvent>,
): Draft => {
  const { name, text } = context.dockerfile;
  warnSyntax(text, emit);
  const file = parseDockerfile(text, { name });
  for (const { rule, message, range } of file.findings) {
    emit({ kind: 'warning', message: `${rule}: ${message}`, range });
  }
  const host = hostPlatform();
  const platform =
    request.platform === undefined || request.platform === '' ? host : parsePlatform(request.platform);
  const automatic = platformArgs(host, platform);
  const globals = globalScope(
    file.globalArgs,
    { buildArgs: request.buildArgs ?? {}, automatic },
    file.escape,
  );
  const found = outline(file, globals, request.target);
  return { request, context, emit, tools, file, globals, automatic, platform, outline: found };
};

/** Says which image could not be had, and where it is named. */
const baseFailure = (draft: Draft, reference: string, range: SourceRange, error: unknown): LadeError => {
  const failure = toLadeError(error);
  const more = { reference, reason: failure.message, ...placeOf(draft.file, range) };
  if (failure.kind === 'not-found') return builderErrors.baseNotFound(more, error);
  if (failure.kind === 'unavailable' || failure.kind === 'timeout')
    return builderErrors.baseUnavailable(more, error);
  return failure;
};

const findStageBases = async (draft: Draft): Promise<Bases['byStage']> => {
  const { outline: stages, request, tools, platform, emit } = draft;
  const steps = numberStages(stages);
  const found = await Promise.all(
    stages.needed.map(async ({ index, base }) => {
      const step = steps.get(index);
      if (step === undefined) return [];
      emit({ kind: 'step-started', step, reasons: [] });
      const from = performance.now();
      try {
        if (base.kind !== 'image') {
          emit({ kind: 'step-done', step, durationMs: 0 });
          return [];
        }
        const wanted = {
          reference: base.reference,
          platform: stagePlatform(base.platform, platform),
          strict: base.platform !== undefined || request.platform !== undefined,
        };
        const tell: Emit<BuildEvent> = (event) => emit(event.kind === 'pull' ? { ...event, step } : event);
        const image = await findBaseImage({ library: tools.library, request, emit: tell }, wanted);
        emit({ kind: 'step-done', step, durationMs: performance.now() - from });
        return [[index, image] as const];
      } catch (error) {
        const failure = baseFailure(draft, base.kind === 'image' ? base.reference : '', step.range, error);
        emit({ kind: 'step-failed', step, message: failure.message, durationMs: performance.now() - from });
        throw failure;
      }
    }),
  );
  return new Map(found.flat());
};

const findBases = async (draft: Draft): Promise<Bases> => {
  const { outline: stages, request, tools, platform, emit } = draft;
  const byStage = await findStageBases(draft);
  const dependencies = { library: tools.library, request, emit };
  const images = await Promise.all(
    Array.from(stages.images, async ([reference, range]) => {
      const strict = request.platform !== undefined;
      try {
        return [reference, await findBaseImage(dependencies, { reference, platform, strict })] as const;
      } catch (error) {
        throw baseFailure(draft, reference, range, error);
      }
    }),
  );
  return { byStage, byReference: new Map(images) };
};

interface Plan {
  readonly planned: ReadonlyMap<number, PlannedStage>;
  readonly table: StepTable;
}

const makePlan = (draft: Draft, bases: Bases): Plan => {
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

const surroundingsOf = (draft: Draft, planned: Plan['planned']): RunSurroundings => {
  const { request, emit } = draft;
  const runs = Array.from(planned.values()).some(({ steps }) =>
    steps.some((step) => step.operation?.kind === 'run'),
  );
  const proxies = new Map([...Object.entries(request.proxies ?? {}), ...proxyArgs(request.buildArgs ?? {})]);
  if (runs && request.hostCa !== undefined) {
    emit({
      kind: 'status',
      message: `RUN steps trust the host's certificates (${request.hostCa.path}); they stay out of the image`,
    });
  }
  if (runs && proxies.size > 0) {
    emit({
      kind: 'status',
      message: `RUN steps use the proxy variables ${[...proxies.keys()].join(', ')}; they stay out of the image`,
    });
  }
  return {
    hostCa: request.hostCa?.path,
    proxies,
    secrets: request.secrets ?? {},
    network: request.network ?? 'default',
    extraHosts: request.extraHosts ?? [],
    shmSizeBytes: request.shmSizeBytes,
  };
};

const graphOf = (draft: Draft, bases: Bases, plan: Plan): Graph => {
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

const runGraph = async (draft: Draft, plan: Plan, graph: Graph): Promise<Progress> => {
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
): Promise<BuildResult> => {
  const from = performance.now();
  const tags = (request.tags ?? []).map((tag) => canonicalString(parseReference(tag, { defaultTag: true })));
  const drafted = draft(tools, request, context, emit);
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
