import type { Cause } from '#metadata';
import type { PullThrough, RegistryStorage } from '#protocol';
import { createCachedBlobs } from './blobs.ts';
import { upstreamErrors } from './errors.ts';
import { createUpstreamLists } from './lists.ts';
import { createCachedManifests, type Place } from './manifests.ts';
import { createNameTable, namespaceOf } from './names.ts';
import { startTrimming } from './trim.ts';
import type { UpstreamActivity, UpstreamSettings, UpstreamStatus } from './types.ts';
import { createUpstream, type Upstream } from './upstream.ts';

/** The cache of other registries. */
export interface Upstreams extends PullThrough, AsyncDisposable {
  activity(): readonly UpstreamActivity[];
  /** With what is kept here; counts it. */
  status(): readonly UpstreamStatus[];
  /** Asks for tags again that are here: one, or all of a repository. Answers one after the other. */
  refresh(repository: string, options: RefreshOptions): AsyncGenerator<RefreshedTag>;
  /** Lets go of what is beyond the limits of each upstream; answers how many manifests went. */
  trim(signal?: AbortSignal): Promise<number>;
}

export interface RefreshOptions {
  readonly tag?: string | undefined;
  readonly cause: Cause;
  readonly signal?: AbortSignal | undefined;
}

export interface RefreshedTag {
  readonly tag: string;
  readonly before: string | undefined;
  readonly after: string | undefined;
  /** Why the upstream could not be asked. */
  readonly stale: string | undefined;
}

const ACTOR = 'system:upstreams';

/** Whoever asked, the registry itself brings the content here. */
const ownCause = (cause: Cause): Cause => ({ ...cause, actor: ACTOR });

const MOST_TAGS = 1_000_000;

/**
 * Serves content of other registries under names of this one: fetched when it is asked for, verified, kept, and served
 * from here from then on. Tags are asked for again after a while; content under a digest never is.
 *
 * @throws METADATA_PATTERN_INVALID
 */
export const createUpstreams = (
  storage: RegistryStorage,
  settings: readonly UpstreamSettings[],
): Upstreams => {
  const table = createNameTable(settings);
  const upstreams = settings.map(createUpstream);
  const manifests = createCachedManifests(storage);
  const blobs = createCachedBlobs(storage);
  const lists = createUpstreamLists(storage);
  const { contents, upstreamRecords: records } = storage.metadata;

  const placeOf = (repository: string): Place => {
    const remote = table.find(repository);
    const upstream = upstreams.find((each) => each.settings === remote?.settings);
    if (remote === undefined || upstream === undefined)
      throw upstreamErrors.upstreamUnknown({ prefix: repository });
    return { repository, upstream, path: remote.path };
  };

  const localName = (repository: string, namespace: string | undefined): string => {
    if (namespace !== undefined) {
      const named = table.named(namespace);
      if (named === undefined) throw upstreamErrors.namespaceUnknown({ namespace });
      return table.local(named, repository);
    }
    const remote = table.find(repository);
    if (remote !== undefined) return officialName(repository, remote.settings);
    const { fallback } = table;
    return fallback === undefined || contents.hasRepository(repository)
      ? repository
      : table.local(fallback, repository);
  };
  /** `docker.io/busybox` is `docker.io/library/busybox`. */
  const officialName = (repository: string, upstream: UpstreamSettings): string =>
    table.local(upstream, upstream.prefix === '' ? repository : repository.slice(upstream.prefix.length + 1));

  const activityOf = ({ settings: { prefix }, counters, pause, lastError }: Upstream): UpstreamActivity => ({
    prefix,
    ...counters,
    pausedUntilMs: pause?.untilMs,
    lastError,
    fetching: blobs.running(prefix),
  });

  const trimming = startTrimming(storage, {
    upstreams,
    belongs: (repository, upstream) => table.find(repository)?.settings === upstream.settings,
  });

  async function* refresh(repository: string, { tag, cause, signal }: RefreshOptions) {
    const place = placeOf(repository);
    const tags = tag === undefined ? contents.tags(repository, { limit: MOST_TAGS, after: '' }) : [tag];
    for (const each of tags) {
      signal?.throwIfAborted();
      const before = contents.tagged(repository, each);
      const { stale } = await manifests.refresh(place, each, ownCause(cause));
      yield { tag: each, before, after: contents.tagged(repository, each), stale };
    }
  }

  return {
    localName,
    covers: (repository) => table.find(repository) !== undefined,
    namespaceOf: (repository) => namespaceOf(placeOf(repository).upstream.settings),
    refusePush: (repository) => {
      throw upstreamErrors.readOnlyName({ upstream: placeOf(repository).upstream.name, repository });
    },
    ensureManifest: ({ repository, target, cause }) =>
      manifests.ensure(placeOf(repository), target, ownCause(cause)),
    blobSize: (wish) => blobs.size(placeOf(wish.repository), { ...wish, cause: ownCause(wish.cause) }),
    openBlob: (wish) => blobs.open(placeOf(wish.repository), { ...wish, cause: ownCause(wish.cause) }),
    blobHit: (repository) => void (placeOf(repository).upstream.counters.hits += 1),
    tags: (repository) => lists.tags(placeOf(repository)),
    referrers: (repository, digest) => lists.referrers(placeOf(repository), digest),
    activity: () => upstreams.map(activityOf),
    status: () =>
      upstreams.map((upstream) => ({
        ...activityOf(upstream),
        url: upstream.settings.url,
        namespace: upstream.name,
        cached: records.usage(upstream.settings.prefix),
      })),
    refresh,
    trim: (signal) => trimming.run(signal),
    [Symbol.asyncDispose]: async () => {
      await trimming[Symbol.asyncDispose]();
      await blobs[Symbol.asyncDispose]();
      await manifests[Symbol.asyncDispose]();
      await Promise.all(upstreams.map((upstream) => upstream[Symbol.asyncDispose]()));
    },
  };
};
