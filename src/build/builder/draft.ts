import { detectSyntax, doInSlices, parseDockerfileInSlices, type Dockerfile } from '#dockerfile';
import type { Emit } from '#events';
import type { LayerStore } from '#layers';
import type { Library } from '#library';
import { hostPlatform, parsePlatform, type Platform } from '#oci';
import type { Flights } from '#solver';
import type { OpenContext } from '#sources';
import type { RunSurroundings, RunTools } from '#steps';
import type { BuildCache } from './cache.ts';
import type { CacheExchange } from './cache-exchange.ts';
import { checkBases } from './check-bases.ts';
import { createCheckReport, type CheckReport } from './check-report.ts';
import type { NamedContexts } from './named-contexts.ts';
import { overrideStages } from './override-stages.ts';
import { locatedGlobals, outlineOf, type Outline } from './outline.ts';
import { readEpoch, type GivenEpoch } from './epoch.ts';
import type { BuildEvent, BuildRequest } from './types.ts';
import { givenValue, platformArgs, type GlobalScope } from './variables.ts';

/** Everything that one build works with. */
export interface BuildTools {
  /** Names the build in the history. */
  readonly buildId: string;
  readonly library: Library;
  readonly layers: LayerStore;
  readonly cache: BuildCache;
  /** What all builds carry out now, so that none of it is carried out twice at once. */
  readonly flights: Flights;
  /** What goes to and comes from caches elsewhere. */
  readonly exchange: CacheExchange;
  readonly run: RunTools;
  /** What `--build-context` names. */
  readonly named: NamedContexts;
  /** Takes what failed RUN steps leave, where the request wants to keep it. */
  readonly onFailed: RunSurroundings['onFailed'];
}

/** What the Dockerfile, the request and the context say about a build. */
export interface Sketch {
  readonly request: BuildRequest;
  readonly context: OpenContext;
  readonly emit: Emit<BuildEvent>;
  readonly file: Dockerfile;
  readonly globals: GlobalScope;
  readonly automatic: Readonly<Record<string, string>>;
  readonly platform: Platform;
  readonly epoch: GivenEpoch;
  readonly report: CheckReport;
  readonly outline: Outline;
  /** Every stage counts as needed. */
  readonly all: boolean;
}

/** A build before its base images are known. */
export interface Draft extends Sketch {
  readonly tools: BuildTools;
}

const BUILT_IN = /^(?:dockerfile\.v0|(?:docker\.io\/)?docker\/dockerfile(?:-upstream)?(?:[:@].*)?)$/u;

const warnSyntax = (text: string, given: string | undefined, emit: Emit<BuildEvent>): void => {
  const syntax = given?.trim().split(' ', 1)[0] ?? detectSyntax(text);
  if (syntax === undefined || BUILT_IN.test(syntax)) return;
  emit({ kind: 'warning', message: `syntax ${syntax} is not used: the built-in Dockerfile language is` });
};

/** What the caller does not say, a draft takes from the machine and the Dockerfile. */
interface DraftOptions {
  /** Every stage counts as needed, not only what the target needs. */
  readonly allStages?: boolean | undefined;
}

/**
 * Parses the Dockerfile and finds the stages that the target needs; a long one in slices of a few milliseconds.
 *
 * @throws the faults of the Dockerfile, with file, line and excerpt
 */
export const sketchBuild = async (
  request: BuildRequest,
  context: OpenContext,
  emit: Emit<BuildEvent>,
  options: DraftOptions = {},
): Promise<Sketch> => {
  const { name, text } = context.dockerfile;
  const { signal, target } = request;
  const buildArgs = request.buildArgs ?? {};
  const check = givenValue(buildArgs, 'BUILDKIT_DOCKERFILE_CHECK');
  const parsed = await parseDockerfileInSlices(text, { name, check, signal });
  const file = overrideStages(parsed, request.contexts ?? {});
  warnSyntax(text, givenValue(buildArgs, 'BUILDKIT_SYNTAX'), emit);
  const report = createCheckReport(file, emit);
  const host = hostPlatform();
  const [first] = request.platforms ?? [];
  const platform = first === undefined || first === '' ? host : parsePlatform(first);
  const stage = target === undefined || target === '' ? file.stages.at(-1)?.from.name?.value : target;
  const automatic = { ...platformArgs(host, platform), TARGETSTAGE: stage ?? 'default' };
  const globals = locatedGlobals(file, { buildArgs, automatic });
  const epoch = readEpoch(globals);
  checkBases(file, { globals, automatic }, report);
  const all = options.allStages === true && (target === undefined || target === '');
  const found = await doInSlices(outlineOf({ file, globals, target, all }), signal);
  return { request, context, emit, file, globals, automatic, platform, epoch, report, outline: found, all };
};

/** A sketch, with what carries it out. */
export const draftBuild = async (
  tools: BuildTools,
  request: BuildRequest,
  context: OpenContext,
  emit: Emit<BuildEvent>,
): Promise<Draft> => ({ ...(await sketchBuild(request, context, emit)), tools });
