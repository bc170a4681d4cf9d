import type { Emit } from '#events';
import { formatPlatform, hostPlatform, isKnownPlatform, parsePlatform } from '#oci';
import { makePlan, type Plan } from '#plan';
import type { OpenContext } from '#sources';
import { draftBuild, type BuildTools, type Draft } from './draft.ts';
import { builderErrors } from './errors.ts';
import { findBases, type Bases } from './find-bases.ts';
import type { BuildEvent, BuildRequest, BuildStep } from './types.ts';

/** A build for one platform, planned: several are solved as one graph. */
export interface Lane {
  /** `os/architecture[/variant]`. */
  readonly platform: string;
  /** What tells its steps from those of other platforms; empty for the machine's own. */
  readonly prefix: string;
  readonly draft: Draft;
  readonly bases: Bases;
  readonly plan: Plan;
}

const checked = (word: string): string => {
  const platform = parsePlatform(word);
  if (!isKnownPlatform(platform)) throw builderErrors.unknownPlatform({ platform: word });
  return formatPlatform(platform);
};

/** The platforms that are asked for, each once; the machine's own when none is. */
export const platformsOf = (request: Pick<BuildRequest, 'platforms'>): readonly string[] => {
  const words = (request.platforms ?? []).filter((word) => word !== '');
  return words.length === 0 ? [formatPlatform(hostPlatform())] : [...new Set(words.map(checked))];
};

const named = (platform: string, step: BuildStep): BuildStep => ({
  ...step,
  id: `${platform} ${step.id}`,
  platform,
});

/** Tells the steps of one platform as such. */
const emitFor =
  (platform: string, emit: Emit<BuildEvent>): Emit<BuildEvent> =>
  (event) => {
    if ('step' in event && event.step !== undefined) emit({ ...event, step: named(platform, event.step) });
    else emit(event);
  };

/** Tells what is the same for all platforms once. */
const onceOnly = (emit: Emit<BuildEvent>): Emit<BuildEvent> => {
  const told = new Set<string>();
  return (event) => {
    if (event.kind === 'warning' || event.kind === 'status') {
      const text = JSON.stringify(event);
      if (told.has(text)) return;
      told.add(text);
    }
    emit(event);
  };
};

interface LaneInput {
  readonly tools: BuildTools;
  readonly request: BuildRequest;
  readonly context: OpenContext;
  readonly emit: Emit<BuildEvent>;
}

const planLane = async (input: LaneInput, platform: string): Promise<Lane> => {
  const { tools, request, context, emit } = input;
  const { draft, bases } = await findBases(await draftBuild(tools, request, context, emit));
  const own = platform === formatPlatform(hostPlatform());
  const configs = new Map(Array.from(bases.byStage, ([index, { config }]) => [index, config]));
  return { platform, prefix: own ? '' : `${platform} `, draft, bases, plan: await makePlan(draft, configs) };
};

/** Plans the build for every platform that is asked for. A single one is told as if there were no others. */
export const planLanes = async (input: LaneInput): Promise<readonly Lane[]> => {
  const platforms = platformsOf(input.request);
  const [first = ''] = platforms;
  if (platforms.length === 1) return [await planLane(input, first)];
  const once = onceOnly(input.emit);
  const stop = new AbortController();
  const signal =
    input.request.signal === undefined ? stop.signal : AbortSignal.any([input.request.signal, stop.signal]);
  const planning = platforms.map((platform) => {
    const request = { ...input.request, platforms: [platform], signal };
    return planLane({ ...input, request, emit: emitFor(platform, once) }, platform);
  });
  try {
    return await Promise.all(planning);
  } catch (error) {
    // What they work with ends with the build.
    stop.abort(error);
    await Promise.allSettled(planning);
    throw error;
  }
};
