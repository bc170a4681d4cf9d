import { rm } from 'node:fs/promises';
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
import { openContext, createDigestStore, type DigestStore } from '#sources';
import { createCacheUses, type CacheUses } from './cache-uses.ts';
import { createGate } from './gate.ts';
import { createHistory } from './history.ts';
import type { HistoryLimits } from './history-types.ts';
import { subjectOf } from './history-subject.ts';
import { removeLeftovers, scratchOf } from './leftovers.ts';
import { createCacheDirectories, type CacheDirectories, connectToBridge, connectToHost } from '#steps';
import type { Builder, BuildEvent, BuildRequest, BuildResult } from './types.ts';

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
}

const HOLDER_KIND = 'build-cache';
const DEFAULT_LIMITS: HistoryLimits = { count: 100, ageMs: 30 * 24 * 60 * 60 * 1000 };

/** What all builds of one builder share. */
interface Shop {
  readonly dependencies: BuilderDependencies;
  readonly scratch: string;
  readonly digests: DigestStore;
  readonly caches: CacheDirectories;
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

const build = async (
  shop: Shop,
  request: BuildRequest,
  emit: Emit<BuildEvent>,
): Promise<Omit<BuildResult, 'buildId'>> => {
  const { dependencies, scratch, digests, caches, flights, uses } = shop;
  const { library, layers, database, runtime, networks } = dependencies;
  const connect = networks === undefined ? connectToHost : connectToBridge(networks);
  await using stack = new AsyncDisposableStack();
  const lease = createLazyLease(library);
  stack.defer(lease.end);
  const cache = createBuildCache({
    database,
    hasLayer: (diffId) => layers.info(diffId) !== undefined,
    hold: (key, diffId) => holdLayer(library, key, diffId),
    use: stack.use(uses.open()),
  });
  stack.defer(() => cache.flush());
  const context = stack.use(await openContext({ scratch, digests }, request));
  const clampToNs = clampOf(request);
  const run = { layers, runtime, connect, caches, scratch, lease: lease.get, clampToNs };
  const tools: BuildTools = { library, layers, cache, flights, run };
  return await runBuild(tools, request, context, emit);
};

/** Makes a builder over open rooms; what a killed one left goes at once. Builds run beside each other; pruning waits for them. */
export const createBuilder = (dependencies: BuilderDependencies): Builder => {
  const { root, database, library, layers } = dependencies;
  const shop: Shop = {
    dependencies,
    scratch: scratchOf(root.path),
    digests: createDigestStore(database),
    caches: createCacheDirectories(join(root.path, 'build-cache')),
    flights: createFlights(),
    uses: createCacheUses(),
  };
  const gate = createGate();
  const history = createHistory({
    root: root.path,
    database,
    limits: dependencies.historyLimits ?? (() => DEFAULT_LIMITS),
  });
  const swept = Promise.all([removeLeftovers(root.path, layers), history.recover()]);
  // A build tells of a failure; nobody waits for it before.
  swept.catch(() => undefined);
  return {
    history,
    async build(request, emit) {
      await swept;
      const recorder = history.begin(subjectOf(request));
      const tell: Emit<BuildEvent> = (event) => {
        recorder.event(event);
        emit(event);
      };
      tell({ kind: 'build-started', id: recorder.id });
      try {
        const built = await gate.shared(() => build(shop, request, tell));
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
        if (options.before === undefined)
          await rm(join(root.path, 'build-cache'), { recursive: true, force: true });
        await library.collect();
        return { records: keys.length, bytes: before.bytes - cacheUsage(database).bytes };
      }),
  };
};
