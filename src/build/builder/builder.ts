import { join } from 'node:path';
import {
  createBuildCache,
  createCacheSpace,
  openExchange,
  createCacheUses,
  createCaches,
  type CacheUses,
} from '#cache';
import type { Database } from '#database';
import { toLadeError } from '#errors';
import type { Emit } from '#events';
import { createHistory, type HistoryLimits } from '#history';
import type { LayerLease, LayerStore } from '#layers';
import type { Library } from '#library';
import type { Networks } from '#network';
import type { DiffId } from '#oci';
import { describeBuild } from '#plan';
import type { Runtime } from '#runtime';
import { createFlights, type Flights } from '#solver';
import {
  openContext,
  createDigestStore,
  createRemoteStore,
  openRemoteSources,
  DEFAULT_LIMITS as DEFAULT_SOURCE_LIMITS,
  type DigestStore,
  type RemoteStore,
  type SourceLimits,
} from '#sources';
import { createCacheMounts, connectToBridge, connectToHost, type CacheMounts, type FailedStep } from '#steps';
import { credentialsFor } from './base-images.ts';
import { runBuild } from './build.ts';
import type { BuildTools } from './draft.ts';
import { createFailedSteps, type FailedSteps } from './failed-steps.ts';
import { removeLeftovers, scratchOf } from './leftovers.ts';
import { createOccupation } from './occupation.ts';
import { isOn } from './settings.ts';
import { logRecords } from './log-records.ts';
import { createNamedContexts } from './named-contexts.ts';
import { subjectOf } from './subject.ts';
import type {
  Builder,
  BuildEvent,
  BuildRequest,
  BuildDescription,
  BuildResult,
  DescriptionCall,
} from './types.ts';

export interface BuilderDependencies {
  readonly root: { readonly path: string };
  /** Has had `builderMigrations`. */
  readonly database: Database;
  readonly library: Library;
  readonly layers: LayerStore;
  readonly runtime: Runtime;
  /** Gives RUN steps the default bridge; without it they use the host's own network. */
  readonly networks?: Networks | undefined;
  /** How many builds the history remembers, asked at the end of each; 100 of the last 30 days without it. */
  readonly historyLimits?: (() => HistoryLimits) | undefined;
  /** What remote sources and sent contexts may take at most. */
  readonly sourceLimits?: (() => Partial<SourceLimits>) | undefined;
}

const HOLDER_KIND = 'build-cache';
const DEFAULT_LIMITS: HistoryLimits = { count: 100, ageMs: 30 * 24 * 60 * 60 * 1000 };

/** What all builds of one builder share. */
interface Shop {
  readonly dependencies: BuilderDependencies;
  readonly scratch: string;
  readonly digests: DigestStore;
  readonly remote: RemoteStore;
  readonly caches: CacheMounts;
  readonly failed: FailedSteps;
  readonly flights: Flights;
  readonly uses: CacheUses;
}

/** Ends with the build; made by the first step that makes a layer. */
const createLazyLease = (
  library: Library,
): { readonly get: () => Promise<LayerLease>; readonly end: () => Promise<void> } => {
  let lease: ReturnType<Library['lease']> | undefined;
  return {
    get: () => (lease ??= library.lease({ label: 'build' })),
    end: async () => {
      await (await lease)?.[Symbol.asyncDispose]();
    },
  };
};

const holdLayer = (library: Library, key: string, diffId: DiffId): Promise<void> =>
  library.holds.holdContent([{ kind: 'layer', key: diffId }], { kind: HOLDER_KIND, id: key });

/** `BUILDKIT_INLINE_CACHE=1` is an older way to ask for `--cache-to type=inline`. */
const withInlineCache = (request: BuildRequest): BuildRequest =>
  isOn(request, 'BUILDKIT_INLINE_CACHE')
    ? { ...request, cacheTo: [...(request.cacheTo ?? []), { kind: 'inline' }] }
    : request;

/** Remote sources with what a request brings for them. */
const remoteFor = (shop: Shop, request: BuildRequest) =>
  openRemoteSources({
    store: shop.remote,
    scratch: shop.scratch,
    secrets: request.secrets ?? {},
    agent: request.ssh?.['default']?.socket,
    proxies: request.proxies ?? {},
    hostCa: request.hostCa?.path,
  });

const describe = async (
  shop: Shop,
  request: BuildRequest,
  call: DescriptionCall,
): Promise<BuildDescription> => {
  const { dependencies, scratch, digests } = shop;
  await using stack = new AsyncDisposableStack();
  const remote = stack.use(remoteFor(shop, request));
  const sources = { scratch, digests, remote };
  const context = stack.use(await openContext(sources, request));
  const configOf = (reference: string, platform: string | undefined) =>
    dependencies.library.resolve(reference, platform === undefined ? {} : { platform }).config;
  return await describeBuild({ request, context, configOf }, call);
};

const build = async (
  shop: Shop,
  { id, request }: { readonly id: string; readonly request: BuildRequest },
  emit: Emit<BuildEvent>,
): Promise<Omit<BuildResult, 'buildId'>> => {
  const { dependencies, scratch, digests, caches, flights, uses } = shop;
  const { library, layers, database, runtime, networks } = dependencies;
  const connect = networks === undefined ? connectToHost : connectToBridge(networks);
  await using stack = new AsyncDisposableStack();
  const lease = createLazyLease(library);
  stack.defer(lease.end);
  const recording = new Set<Promise<unknown>>();
  stack.defer(async () => void (await Promise.allSettled(recording)));
  const ahead = (recorded: Promise<unknown>): void => {
    recording.add(recorded);
    recorded.then(
      () => recording.delete(recorded),
      () => undefined,
    );
  };
  const removing: Promise<void>[] = [];
  stack.defer(async () => {
    // The image is made all the same, and the next start sweeps what is left.
    const warn = (error: unknown): void =>
      emit({
        kind: 'warning',
        message: `the remains of a step are removed later: ${toLadeError(error).message}`,
      });
    for (const removed of removing) await removed.catch(warn);
  });
  const later = (removed: Promise<void>): void => {
    removed.catch(() => undefined);
    removing.push(removed);
  };
  const exchange = openExchange({
    library,
    layers,
    request: withInlineCache(request),
    credentials: (repository) => credentialsFor(request.auth?.(repository)),
    emit,
    stack,
  });
  const cache = createBuildCache({
    database,
    imported: exchange.imported,
    hasLayer: (diffId) => layers.info(diffId) !== undefined,
    recorded: async () => void (await Promise.all(recording)),
    hold: (key, diffId) => holdLayer(library, key, diffId),
    use: stack.use(uses.open()),
  });
  stack.defer(() => cache.flush());
  const remote = stack.use(remoteFor(shop, request));
  const known = request.noCache === true ? digests.afresh() : digests;
  const sources = { scratch, digests: known, remote };
  const context = stack.use(await openContext(sources, request));
  // The times of each stage are found when it is planned.
  const clampToNs = undefined;
  const run = {
    layers,
    runtime,
    connect,
    caches,
    scratch,
    lease: lease.get,
    ahead,
    later,
    clampToNs,
    remote,
  };
  const onFailed = (step: FailedStep): void => {
    shop.failed.keep(id, step);
    emit({ kind: 'step-kept', build: id, command: step.operation.args.join(' ') });
  };
  const kept = request.keepFailed === true ? onFailed : undefined;
  const named = createNamedContexts({ request, sources, library, cache, run });
  const tools: BuildTools = {
    named,
    buildId: id,
    library,
    layers,
    cache,
    flights,
    exchange,
    run,
    onFailed: kept,
  };
  return await runBuild(tools, request, context, emit);
};

/** Makes a builder over open rooms; what a killed one left goes at once. Builds run beside each other, and beside pruning, which leaves what they use. */
export const createBuilder = (dependencies: BuilderDependencies): Builder => {
  const { root, database, library, layers } = dependencies;
  const shop: Shop = {
    dependencies,
    scratch: scratchOf(root.path),
    digests: createDigestStore(database),
    remote: createRemoteStore(join(root.path, 'build-sources'), () => ({
      ...DEFAULT_SOURCE_LIMITS,
      ...dependencies.sourceLimits?.(),
    })),
    caches: createCacheMounts({ directory: join(root.path, 'build-cache'), database }),
    failed: createFailedSteps({ layers, runtime: dependencies.runtime }),
    flights: createFlights(),
    uses: createCacheUses(),
  };
  const history = createHistory({
    root: root.path,
    database,
    limits: dependencies.historyLimits ?? (() => DEFAULT_LIMITS),
  });
  const { caches, failed, uses, remote } = shop;
  const occupation = createOccupation();
  const space = createCacheSpace({
    root: root.path,
    database,
    library,
    layers,
    uses,
    caches,
    sources: {
      directory: remote.directory,
      isBusy: occupation.isBusy,
      clear: () => occupation.removing(() => remote.clear()),
    },
    logs: logRecords(history),
    holderKind: HOLDER_KIND,
  });
  const swept = Promise.all([
    removeLeftovers(root.path, layers),
    shop.caches.sweep(),
    history.recover(),
    space.releaseOrphans(),
  ]);
  // A build tells of a failure; nobody waits for it before.
  swept.catch(() => undefined);
  return {
    history,
    failed,
    caches: createCaches({ caches, layers, library, scratch: shop.scratch, ready: swept }),
    async describe(request, call) {
      await swept;
      return await occupation.during(() => describe(shop, request, call));
    },
    async build(request, emit) {
      await swept;
      const recorder = history.begin(subjectOf(request));
      const tell: Emit<BuildEvent> = (event) => {
        recorder.event(event);
        emit(event);
      };
      tell({ kind: 'build-started', id: recorder.id });
      try {
        const built = await occupation.during(() => build(shop, { id: recorder.id, request }, tell));
        const result = { ...built, buildId: recorder.id };
        recorder.done(result);
        return result;
      } catch (error) {
        recorder.failed(error, request.signal?.aborted === true);
        throw toLadeError(error);
      }
    },
    usage: () => space.usage(),
    records: (filter) => space.records(filter),
    oldestUse: () => Promise.resolve(space.oldestUse()),
    async prune(options) {
      await swept;
      return await space.prune(options);
    },
  };
};
