import { detectSyntax, doInSlices, parseDockerfileInSlices, type Dockerfile } from '#dockerfile';
import type { Emit } from '#events';
import { hostPlatform, parsePlatform, type Platform } from '#oci';
import { checkBases } from './check-bases.ts';
import { createCheckReport, type CheckReport } from './check-report.ts';
import { readEpoch, type GivenEpoch } from './epoch.ts';
import { locatedGlobals, outlineOf, type Outline } from './outline.ts';
import { overrideStages } from './override-stages.ts';
import type { PlanContext, PlanEvent, PlanRequest } from './request.ts';
import { givenValue, platformArgs, type GlobalScope } from './variables.ts';

/** What the Dockerfile, the request and the context say about a build. */
export interface Sketch {
  readonly request: PlanRequest;
  readonly context: PlanContext;
  readonly emit: Emit<PlanEvent>;
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

const BUILT_IN = /^(?:dockerfile\.v0|(?:docker\.io\/)?docker\/dockerfile(?:-upstream)?(?:[:@].*)?)$/u;

const warnSyntax = (text: string, given: string | undefined, emit: Emit<PlanEvent>): void => {
  const syntax = given?.trim().split(' ', 1)[0] ?? detectSyntax(text);
  if (syntax === undefined || BUILT_IN.test(syntax)) return;
  emit({ kind: 'warning', message: `syntax ${syntax} is not used: the built-in Dockerfile language is` });
};

/** What the caller does not say, a sketch takes from the machine and the Dockerfile. */
interface SketchOptions {
  /** Every stage counts as needed, not only what the target needs. */
  readonly allStages?: boolean | undefined;
}

/**
 * Parses the Dockerfile and finds the stages that the target needs; a long one in slices of a few milliseconds.
 *
 * @throws the faults of the Dockerfile, with file, line and excerpt
 */
export const sketchBuild = async (
  request: PlanRequest,
  context: PlanContext,
  emit: Emit<PlanEvent>,
  options: SketchOptions = {},
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

/** The platform that a stage is for: its own flag, or that of the build. */
export const stagePlatform = (written: string | undefined, otherwise: Platform): Platform =>
  written === undefined ? otherwise : parsePlatform(written);
