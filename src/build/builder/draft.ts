import type { BuildCache, CacheExchange } from '#cache';
import type { Emit } from '#events';
import type { LayerStore } from '#layers';
import type { Library } from '#library';
import { sketchBuild, type Sketch } from '#plan';
import type { Flights } from '#solver';
import type { OpenContext } from '#sources';
import type { RunSurroundings, RunTools } from '#steps';
import type { NamedContexts } from './named-contexts.ts';
import type { BuildEvent, BuildRequest } from './types.ts';

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

/** A build before its base images are known. */
export interface Draft extends Sketch {
  readonly request: BuildRequest;
  readonly context: OpenContext;
  readonly emit: Emit<BuildEvent>;
  readonly tools: BuildTools;
}

/** A sketch, with what carries it out. */
export const draftBuild = async (
  tools: BuildTools,
  request: BuildRequest,
  context: OpenContext,
  emit: Emit<BuildEvent>,
): Promise<Draft> => ({
  ...(await sketchBuild(request, context, emit)),
  request,
  context,
  emit,
  tools,
});
