import { readManifest, type Cause, type ManifestFacts, type ManifestTarget } from '#metadata';
import type { FetchedManifest } from '#distribution';
import { toLadeError } from '#errors';
import type { Digest } from '#oci';
import type { Freshness, RegistryStorage } from '#protocol';
import { upstreamErrors } from './errors.ts';
import { createRemembered, createSingleFlight } from './single-flight.ts';
import type { Upstream } from './upstream.ts';

const MOST_MISSING = 10_000;
/** Uses are written down together. */
const USES_MS = 5_000;
/** A manifest's use is written down at most so often. */
const USE_GRAIN_MS = 10 * 60_000;
const MOST_USES = 10_000;

/** A repository, and what it is at its upstream. */
export interface Place {
  readonly repository: string;
  readonly upstream: Upstream;
  readonly path: string;
}

/** Keeps manifests of upstreams here, and tags as fresh as their upstream's settings want. */
export interface CachedManifests extends AsyncDisposable {
  ensure(place: Place, target: ManifestTarget, cause: Cause): Promise<Freshness>;
  /** Asks for a tag again, however fresh it is. */
  refresh(place: Place, tag: string, cause: Cause): Promise<Freshness>;
}

/** Its blobs come when they are asked for. */
const withoutBlobs = (facts: ManifestFacts): ManifestFacts => ({
  ...facts,
  blobs: [],
  optionalBlobs: [...new Set([...facts.blobs, ...facts.optionalBlobs])],
});

const factsOf = (upstream: Upstream, { descriptor, bytes }: FetchedManifest): ManifestFacts => {
  try {
    return readManifest(bytes, descriptor.mediaType);
  } catch (error) {
    const reason = toLadeError(error).message;
    throw upstream.failure(
      upstreamErrors.wrongContent({ upstream: upstream.name, reason, retryAfterS: 1 }, error),
    );
  }
};

const FRESH: Freshness = {};

const createUses = (storage: RegistryStorage) => {
  const written = createRemembered<true>(MOST_USES);
  const waiting = new Map<
    string,
    { readonly repository: string; readonly digest: Digest; readonly atMs: number }
  >();
  const flush = async (): Promise<void> => {
    const uses = [...waiting.values()];
    waiting.clear();
    if (uses.length > 0) await storage.metadata.upstreamRecords.used(uses);
  };
  const timer = setInterval(() => void flush().catch(() => undefined), USES_MS);
  timer.unref();
  return {
    note: (repository: string, digest: Digest): void => {
      const key = `${repository}@${digest}`;
      if (written.get(key) === true) return;
      written.set(key, true, USE_GRAIN_MS);
      waiting.set(key, { repository, digest, atMs: Date.now() });
    },
    [Symbol.asyncDispose]: async () => {
      clearInterval(timer);
      await flush().catch(() => undefined);
    },
  };
};

export const createCachedManifests = (storage: RegistryStorage): CachedManifests => {
  const { contents, upstreamRecords: records } = storage.metadata;
  const flights = createSingleFlight<Freshness>();
  const missing = createRemembered<true>(MOST_MISSING);
  const uses = createUses(storage);

  const store = async (
    { repository, upstream }: Place,
    { descriptor, bytes }: FetchedManifest,
    { tags, cause }: { readonly tags: readonly string[]; readonly cause: Cause },
  ): Promise<void> => {
    upstream.counters.fetchedBytes += bytes.length;
    const facts = withoutBlobs(factsOf(upstream, { descriptor, bytes }));
    await contents.putManifest({
      repository,
      digest: descriptor.digest,
      bytes,
      facts,
      tags,
      cause,
      reason: 'upstream',
    });
    uses.note(repository, descriptor.digest);
  };

  const fetchDigest = async (place: Place, digest: Digest, cause: Cause): Promise<Freshness> => {
    const { upstream, path } = place;
    upstream.counters.misses += 1;
    const fetched = await upstream.ask((signal) => upstream.repository(path).manifest(digest, { signal }));
    if (fetched === undefined) missing.set(`${place.repository}@${digest}`, true, upstream.times.missingTtl);
    else await store(place, fetched, { tags: [], cause });
    return FRESH;
  };

  const moveTag = async (place: Place, { tag, digest }: { tag: string; digest: Digest }, cause: Cause) => {
    const { repository } = place;
    const manifest = contents.manifest(repository, digest);
    if (manifest === undefined) return false;
    const { bytes, mediaType } = manifest;
    const facts = withoutBlobs(readManifest(bytes, mediaType));
    await contents.putManifest({ repository, digest, bytes, facts, tags: [tag], cause, reason: 'upstream' });
    return true;
  };

  const tagIsGone = async ({ repository, upstream }: Place, tag: string, cause: Cause): Promise<void> => {
    missing.set(`${repository}:${tag}`, true, upstream.times.missingTtl);
    await records.forgetTag(repository, tag);
    if (contents.tagged(repository, tag) !== undefined)
      await contents.removeTag({ repository, target: tag, cause, reason: 'upstream' });
  };

  /** Brings a tag up to date: one HEAD where the manifest is here. */
  const update = async (place: Place, tag: string, cause: Cause): Promise<void> => {
    const { repository, upstream, path } = place;
    const remote = upstream.repository(path);
    const known = contents.tagged(repository, tag);
    const seen = async (digest: Digest): Promise<void> =>
      records.tagChecked(repository, tag, { digest, checkedMs: Date.now() });
    if (known !== undefined) {
      const head = await upstream.ask((signal) => remote.head(tag, { signal }));
      const digest = head?.digest;
      if (digest === known || (digest !== undefined && (await moveTag(place, { tag, digest }, cause))))
        return seen(digest);
    }
    const fetched = await upstream.ask((signal) => remote.manifest(tag, { signal }));
    if (fetched === undefined) return tagIsGone(place, tag, cause);
    await store(place, fetched, { tags: [tag], cause });
    return seen(fetched.descriptor.digest);
  };

  /** An upstream that cannot be asked leaves what is here in force, for as long as its settings say. */
  const refresh = (place: Place, tag: string, cause: Cause): Promise<Freshness> =>
    flights(`${place.repository}:${tag}`, async () => {
      const { repository, upstream } = place;
      upstream.counters.misses += 1;
      try {
        await update(place, tag, cause);
        return FRESH;
      } catch (thrown) {
        const error = toLadeError(thrown);
        const checkedMs = records.tag(repository, tag)?.checkedMs ?? Date.now();
        const { tagTtl, staleFor } = upstream.times;
        const usable =
          contents.tagged(repository, tag) !== undefined && Date.now() - checkedMs <= tagTtl + staleFor;
        if (!usable || error.code === 'UPSTREAMS_REFUSED') throw error;
        upstream.counters.stale += 1;
        return { stale: error.message };
      }
    });

  const ensureTag = async (place: Place, tag: string, cause: Cause): Promise<Freshness> => {
    const { repository, upstream } = place;
    const digest = contents.tagged(repository, tag);
    const seen = records.tag(repository, tag);
    const isFresh =
      digest !== undefined && seen?.digest === digest && Date.now() - seen.checkedMs < upstream.times.tagTtl;
    if (isFresh) upstream.counters.hits += 1;
    const freshness =
      isFresh || missing.get(`${repository}:${tag}`) === true ? FRESH : await refresh(place, tag, cause);
    const current = contents.tagged(repository, tag);
    if (current !== undefined) uses.note(repository, current);
    return freshness;
  };

  const ensureDigest = async (place: Place, digest: Digest, cause: Cause): Promise<Freshness> => {
    const { repository, upstream } = place;
    const key = `${repository}@${digest}`;
    if (contents.manifestHead(repository, digest) !== undefined) {
      upstream.counters.hits += 1;
      uses.note(repository, digest);
      return FRESH;
    }
    if (missing.get(key) === true) return FRESH;
    return flights(key, () => fetchDigest(place, digest, cause));
  };

  return {
    ensure: (place, target, cause) =>
      target.kind === 'tag' ? ensureTag(place, target.tag, cause) : ensureDigest(place, target.digest, cause),
    refresh: (place, tag, cause) => {
      missing.delete(`${place.repository}:${tag}`);
      return refresh(place, tag, cause);
    },
    [Symbol.asyncDispose]: () => uses[Symbol.asyncDispose](),
  };
};
