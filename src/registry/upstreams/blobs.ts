import { EventEmitter, once } from 'node:events';
import type { Caller } from '#access';
import type { Cause } from '#metadata';
import type { Digest } from '#oci';
import type { IncomingBlob, RegistryStorage } from '#protocol';
import { startBlobFetch, type BlobFetch } from './blob-fetch.ts';
import { upstreamErrors } from './errors.ts';
import type { Place } from './manifests.ts';
import { createRemembered, type Remembered } from './single-flight.ts';

const MOST_MISSING = 10_000;
const MOST_PARTIALS = 1_000;
/** What a client is told that found no room for its fetch. */
const BUSY_RETRY_S = 5;
const PARTIAL_MS = 24 * 60 * 60 * 1000;

/** One blob that a caller wants. */
export interface BlobWish {
  readonly digest: Digest;
  readonly caller: Pick<Caller, 'may'>;
  readonly cause: Cause;
}

/** Fetches blobs of upstreams when they are asked for, each once. */
export interface CachedBlobs extends AsyncDisposable {
  size(place: Place, wish: BlobWish): Promise<number | undefined>;
  open(place: Place, wish: BlobWish): Promise<IncomingBlob | undefined>;
  /** Fetches that run from this upstream. */
  running(prefix: string): number;
}

/** Bytes that a manifest says the blob has. */
const statedSize = (bytes: Buffer, digest: Digest): number | undefined => {
  const { config, layers, blobs, manifests } = JSON.parse(bytes.toString('utf8')) as Record<string, unknown>;
  const stated = [config, layers, blobs, manifests]
    .flat()
    .find(
      (entry): entry is { readonly size: number } =>
        typeof entry === 'object' &&
        entry !== null &&
        'digest' in entry &&
        entry.digest === digest &&
        'size' in entry,
    );
  return Number.isSafeInteger(stated?.size) ? stated?.size : undefined;
};

const createFinder = (storage: RegistryStorage) => {
  const { contents } = storage.metadata;
  const manifestWith = ({ repository }: Place, digest: Digest): Buffer | undefined => {
    const manifest = contents.userOf(repository, digest);
    return manifest === undefined ? undefined : contents.manifest(repository, manifest)?.bytes;
  };
  return {
    size: (place: Place, digest: Digest): number | undefined => {
      const bytes = manifestWith(place, digest);
      return bytes === undefined ? undefined : statedSize(bytes, digest);
    },
    /** Whether the upstream says that the blob belongs to the repository. */
    isVouched: async (place: Place, digest: Digest): Promise<boolean> => {
      const { upstream, path } = place;
      if (contents.userOf(place.repository, digest) !== undefined) return true;
      const size = await upstream.ask((signal) => upstream.repository(path).blobSize(digest, { signal }));
      return size !== undefined;
    },
    /** A repository that has the blob and that the caller may pull from: knowing a digest is not enough. */
    elsewhere: (digest: Digest, caller: BlobWish['caller']): { readonly size: number } | undefined => {
      const source = contents.linkingRepository(digest, (name) => caller.may('pull', name));
      return source === undefined ? undefined : contents.linkedBlob(source, digest);
    },
  };
};

const incoming = async (fetch: BlobFetch | undefined): Promise<IncomingBlob | undefined> => {
  if (fetch === undefined) return undefined;
  const size = await fetch.begun;
  if (size === undefined) return undefined;
  const reader = await fetch.open();
  if (reader === undefined) {
    await fetch.finished;
    return undefined;
  }
  return {
    size,
    read: (range, signal) => fetch.follow(reader, range, signal),
    [Symbol.asyncDispose]: () => reader[Symbol.asyncDispose](),
  };
};

interface Fetches {
  /** One that the caller may take part in. */
  joinable(place: Place, wish: BlobWish): BlobFetch | undefined;
  /**
   * Starts one as soon as the upstream has room for it, or takes part in one that began meanwhile; undefined when the
   * repository has the blob by then.
   *
   * @throws UPSTREAMS_BUSY when there is no room for as long as the first byte may take
   */
  start(place: Place, wish: BlobWish): Promise<BlobFetch | undefined>;
  all(): readonly BlobFetch[];
}

const createFetches = (
  storage: RegistryStorage,
  {
    missing,
    size,
  }: {
    readonly missing: Remembered<true>;
    readonly size: (place: Place, digest: Digest) => number | undefined;
  },
): Fetches => {
  const running = new Map<string, BlobFetch>();
  const ends = new EventEmitter().setMaxListeners(0);
  const partials = createRemembered<string>(MOST_PARTIALS);
  const hasRoom = ({ upstream }: Place): boolean =>
    [...running.values()].filter(({ place }) => place.upstream === upstream).length < upstream.fetches;

  const nextEnd = async ({ upstream }: Place, timeout: AbortSignal): Promise<void> => {
    try {
      await once(ends, 'end', { signal: timeout });
    } catch (error) {
      const { name, fetches } = upstream;
      throw upstreamErrors.busy({ upstream: name, fetches, retryAfterS: BUSY_RETRY_S }, error);
    }
  };

  const begin = (place: Place, { digest, cause }: BlobWish): BlobFetch => {
    const key = `${place.repository}@${digest}`;
    const partial = partials.get(key);
    partials.delete(key);
    const onPartial = (id: string | undefined): void => {
      if (id === undefined) partials.delete(key);
      else partials.set(key, id, PARTIAL_MS);
    };
    const stated = size(place, digest);
    const fetch = startBlobFetch({ storage, digest, place, cause, size: stated, partial, onPartial });
    running.set(key, fetch);
    const end = async (): Promise<void> => {
      const found = await fetch.begun;
      if (found === undefined) missing.set(key, true, place.upstream.times.missingTtl);
      await fetch.finished;
    };
    void end()
      .catch(() => undefined)
      .finally(() => {
        running.delete(key);
        ends.emit('end');
      });
    return fetch;
  };

  const start: Fetches['start'] = async (place, wish) => {
    const key = `${place.repository}@${wish.digest}`;
    if (hasRoom(place)) return running.get(key) ?? begin(place, wish);
    const timeout = AbortSignal.timeout(place.upstream.times.timeout);
    for (;;) {
      await nextEnd(place, timeout);
      if (storage.metadata.contents.linkedBlob(place.repository, wish.digest) !== undefined) return undefined;
      const same = running.get(key);
      if (same !== undefined) return same;
      if (hasRoom(place)) return begin(place, wish);
    }
  };

  return {
    start,
    all: () => [...running.values()],
    joinable: (place, { digest, caller }) =>
      running.get(`${place.repository}@${digest}`) ??
      [...running.values()].find(
        (fetch) => fetch.digest === digest && caller.may('pull', fetch.place.repository),
      ),
  };
};

export const createCachedBlobs = (storage: RegistryStorage): CachedBlobs => {
  const { contents } = storage.metadata;
  const missing = createRemembered<true>(MOST_MISSING);
  const finder = createFinder(storage);
  const fetches = createFetches(storage, { missing, size: finder.size });
  const keyOf = ({ repository }: Place, digest: Digest): string => `${repository}@${digest}`;

  const linkHere = (place: Place, { digest, cause, caller }: BlobWish): Promise<boolean> =>
    storage.locks.run(digest, async () => {
      const found = finder.elsewhere(digest, caller);
      if (found === undefined) return false;
      await contents.linkBlob({
        repository: place.repository,
        digest,
        size: found.size,
        how: 'mount',
        cause,
      });
      return true;
    });

  /** Takes part in a fetch of the same content, perhaps for another repository. */
  const join = async (fetch: BlobFetch, place: Place, wish: BlobWish): Promise<IncomingBlob | undefined> => {
    if (fetch.place.repository === place.repository) return incoming(fetch);
    if (!(await finder.isVouched(place, wish.digest))) return incoming(await fetches.start(place, wish));
    fetch.linkTo(place.repository, wish.cause);
    const coming = await incoming(fetch);
    // It may have linked everything before it was told of this repository.
    const isLate = coming === undefined && contents.linkedBlob(place.repository, wish.digest) === undefined;
    if (isLate) await linkHere(place, wish);
    return coming;
  };

  const open = async (place: Place, wish: BlobWish): Promise<IncomingBlob | undefined> => {
    const { digest } = wish;
    if (missing.get(keyOf(place, digest)) === true) return undefined;
    const isHere = finder.elsewhere(digest, wish.caller) !== undefined;
    if (isHere && (await finder.isVouched(place, digest)) && (await linkHere(place, wish))) return undefined;
    const running = fetches.joinable(place, wish);
    if (running !== undefined) return join(running, place, wish);
    place.upstream.counters.misses += 1;
    return incoming(await fetches.start(place, wish));
  };

  return {
    open,
    size: async (place, { digest }) => {
      const { upstream, path } = place;
      if (missing.get(keyOf(place, digest)) === true) return undefined;
      return upstream.ask((signal) => upstream.repository(path).blobSize(digest, { signal }));
    },
    running: (prefix) =>
      fetches.all().filter(({ place }) => place.upstream.settings.prefix === prefix).length,
    [Symbol.asyncDispose]: async () => {
      const all = fetches.all();
      for (const fetch of all) fetch.abort();
      await Promise.allSettled(all.map(({ finished }) => finished));
    },
  };
};
