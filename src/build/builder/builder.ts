import { join } from 'node:path';
import { toLadeError } from '#errors';
import type { Emit } from '#events';
import type { LayerLease, LayerStore } from '#layers';
import type { Library } from '#library';
import type { Database } from '#database';
import type { Networks } from '#network';
import type { DiffId } from '#oci';
import type { Runtime } from '#runtime';
import { runBuild } from './build.ts';
import type { BuildTools } from './draft.ts';
import { cacheUsage, createBuildCache, forgetResults, staleResults, oldestUse } from './cache.ts';
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
import { openExchange } from './cache-exchange.ts';
import { createCacheUses, type CacheUses } from './cache-uses.ts';
import { createCaches } from './caches.ts';
import { createFailedSteps, type FailedSteps } from './failed-steps.ts';
import { describeBuild } from './describe.ts';
import { createGate } from './gate.ts';
import { createHistory } from './history.ts';
import { createNamedContexts } from './named-contexts.ts';
import type { HistoryLimits } from './history-types.ts';
import { subjectOf } from './history-subject.ts';
import { removeLeftovers, scratchOf } from './leftovers.ts';
import { createCacheMounts, type CacheMounts, type FailedStep, connectToBridge, connectToHost } from '#steps';
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
  readonly sourceLimits?: SourceLimits | undefined;
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

const holdLayer = async (library: Library, key: string, diffId: DiffId): Promise<void> => {
  const holder = { kind: HOLDER_KIND, id: key };
  await library.holds.release(holder);
  await library.holds.holdContent([{ kind: 'layer', key: diffId }], holder);
};

const NS_PER_SECOND = 1_000_000_000n;

const clampOf = (request: BuildRequest): bigint | undefined => {
  const seconds = request.buildArgs?.['SOURCE_DATE_EPOCH'];
  return seconds === undefined || !/^\d+$/u.test(seconds) ? undefined : BigInt(seconds) * NS_PER_SECOND;
};

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
  return await describeBuild(dependencies.library, { request, context }, call);
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
  const exchange = openExchange({ library, layers, request, emit, stack });
  const cache = createBuildCache({
    database,
    imported: exchange.imported,
    hasLayer: (diffId) => layers.info(diffId) !== undefined,
    hold: (key, diffId) => holdLayer(library, key, diffId),
    use: stack.use(uses.open()),
  });
  stack.defer(() => cache.flush());
  const remote = stack.use(remoteFor(shop, request));
  const sources = { scratch, digests, remote };
  const context = stack.use(await openContext(sources, request));
  const clampToNs = clampOf(request);
  const run = { layers, runtime, connect, caches, scratch, lease: lease.get, clampToNs, remote };
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

/** Makes a builder over open rooms; what a killed one left goes at once. Builds run beside each other; pruning waits for them. */
export const createBuilder = (dependencies: BuilderDependencies): Builder => {
  const { root, database, library, layers } = dependencies;
  const shop: Shop = {
    dependencies,
    scratch: scratchOf(root.path),
    digests: createDigestStore(database),
    remote: createRemoteStore(
      join(root.path, 'build-sources'),
      dependencies.sourceLimits ?? DEFAULT_SOURCE_LIMITS,
    ),
    caches: createCacheMounts({ directory: join(root.path, 'build-cache'), database }),
    failed: createFailedSteps({ layers, runtime: dependencies.runtime }),
    flights: createFlights(),
    uses: createCacheUses(),
  };
  const gate = createGate();
  const history = createHistory({
    root: root.path,
    database,
    limits: dependencies.historyLimits ?? (() => DEFAULT_LIMITS),
  });
  const swept = Promise.all([removeLeftovers(root.path, layers), shop.caches.sweep(), history.recover()]);
  // A build tells of a failure; nobody waits for it before.
  swept.catch(() => undefined);
  const { caches, failed } = shop;
  return {
    history,
    failed,
    caches: createCaches({ caches, layers, library, scratch: shop.scratch, ready: swept }),
    async describe(request, call) {
      await swept;
      return await gate.shared(() => describe(shop, request, call));
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
        const built = await gate.shared(() => build(shop, { id: recorder.id, request }, tell));
        const result = { ...built, buildId: recorder.id };
        recorder.done(result);
        return result;
      } catch (error) {
        recorder.failed(error, request.signal?.aborted === true);
        throw toLadeError(error);
      }
    },
    usage: () => Promise.resolve(cacheUsage(database)),
    oldestUse: () => Promise.resolve(oldestUse(database)),
    prune: (options = {}) =>
      gate.alone(async () => {
        const before = cacheUsage(database);
        const keys = staleResults(database, options.before);
        if (keys.length > 0) await forgetResults(database, keys);
        for (const id of keys) await library.holds.release({ kind: HOLDER_KIND, id });
        if (options.before === undefined) {
          const all = await shop.caches.list();
          await shop.caches.remove(all.map(({ key }) => key));
          await shop.remote.clear();
        }
        await library.collect();
        return { records: keys.length, bytes: before.bytes - cacheUsage(database).bytes };
      }),
  };
};
