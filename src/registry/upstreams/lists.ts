import type { Referrer } from '#metadata';
import type { Digest } from '#oci';
import type { Place } from './manifests.ts';
import { createRemembered, createSingleFlight } from './single-flight.ts';
import type { RegistryStorage } from '#protocol';
import { isLadeError } from '#errors';

const MOST_LISTS = 200;

/** What upstreams say there is, beside what is here. */
export interface UpstreamLists {
  /** The upstream's tags in ASCII order; undefined when it cannot say: then those that are here count. */
  tags(place: Place): Promise<readonly string[] | undefined>;
  /** The upstream's referrers and those that are here, by digest. */
  referrers(place: Place, subject: Digest): Promise<readonly Referrer[]>;
}

const inOrder = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

export const createUpstreamLists = ({ metadata }: RegistryStorage): UpstreamLists => {
  const tagLists = createRemembered<readonly string[]>(MOST_LISTS);
  const referrerLists = createRemembered<readonly Referrer[]>(MOST_LISTS);
  const tagFlights = createSingleFlight<readonly string[]>();
  const referrerFlights = createSingleFlight<readonly Referrer[]>();

  const askTags = async ({ upstream, path, repository }: Place): Promise<readonly string[]> => {
    const found = (await upstream.ask((signal) => upstream.repository(path).tags({ signal }))) ?? [];
    const tags = [...new Set(found)].toSorted(inOrder);
    tagLists.set(repository, tags, upstream.times.tagTtl);
    return tags;
  };

  const askReferrers = async (
    { upstream, path, repository }: Place,
    subject: Digest,
  ): Promise<readonly Referrer[]> => {
    const found =
      (await upstream.ask((signal) => upstream.repository(path).referrers(subject, { signal }))) ?? [];
    const entries = found.map(({ digest, mediaType, size, artifactType, annotations }) => ({
      digest,
      mediaType,
      size,
      artifactType,
      annotations,
    }));
    referrerLists.set(`${repository}@${subject}`, entries, upstream.times.tagTtl);
    return entries;
  };

  /** Undefined when the upstream cannot be asked. */
  const orUnknown = async <T>(asked: Promise<T>): Promise<T | undefined> => {
    try {
      return await asked;
    } catch (error) {
      if (isLadeError(error, 'permission-denied') || !isLadeError(error, 'unavailable')) throw error;
      return undefined;
    }
  };

  return {
    tags: (place) => {
      const key = place.repository;
      const known = tagLists.get(key);
      return known === undefined ? orUnknown(tagFlights(key, () => askTags(place))) : Promise.resolve(known);
    },
    referrers: async (place, subject) => {
      const key = `${place.repository}@${subject}`;
      const known =
        referrerLists.get(key) ?? (await orUnknown(referrerFlights(key, () => askReferrers(place, subject))));
      const here = metadata.contents.referrers(place.repository, subject, { limit: 10_000, after: '' });
      const all = new Map([...(known ?? []), ...here].map((entry) => [entry.digest, entry]));
      return [...all.values()].toSorted((a, b) => inOrder(a.digest, b.digest));
    },
  };
};
