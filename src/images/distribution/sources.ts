import { isLadeError, toLadeError } from '#errors';
import type { Digest } from '#oci';
import type { Place } from './manifests.ts';
import type { Session } from './session.ts';

/** One registry host, and the hosts that may have copies of what it has. */
export interface Sessions {
  readonly origin: Session;
  readonly mirrors: readonly MirrorSession[];
}

export interface MirrorSession {
  readonly session: Session;
  readonly prefix: string;
  /** Set when it failed for other reasons than that it lacks something: it is not asked again. */
  down: boolean;
}

/** Where a repository's content may come from, best first. */
export interface Sources {
  readonly origin: Place;
  /** The mirrors that are worth asking, then the registry itself, then where a blob may be besides. */
  places(digest?: Digest, elsewhere?: readonly Place[]): readonly Place[];
  /** Takes note of what went wrong at a place that another one follows. */
  failed(place: Place, error: unknown): void;
  /** The content that came last under this digest was something else; whether another place is left. */
  distrust(digest: Digest): boolean;
  /** Remembers where a content comes from. */
  took(digest: Digest, place: Place): void;
}

export interface SourcesOptions {
  readonly path: string;
  /** What errors call the repository. */
  readonly name: string;
  readonly notice?: ((message: string) => void) | undefined;
}

export const createSources = ({ origin, mirrors }: Sessions, options: SourcesOptions): Sources => {
  const { path, name, notice } = options;
  const home: Place = { session: origin, path, name };
  const copies = mirrors.map((mirror) => ({
    mirror,
    place: { session: mirror.session, path: mirror.prefix + path, name } satisfies Place,
  }));
  const came = new Map<Digest, Place>();
  const distrusted = new Map<Digest, Set<Place>>();
  const outside = new Map<Digest, readonly Place[]>();
  const badUrls = new Set<string>();
  const worthAsking = ({ blobUrl }: Place): boolean => blobUrl !== undefined && !badUrls.has(blobUrl.href);
  return {
    origin: home,
    places: (digest, elsewhere = []) => {
      const bad = digest === undefined ? undefined : distrusted.get(digest);
      const up = copies.filter(({ mirror, place }) => !mirror.down && bad?.has(place) !== true);
      if (digest !== undefined && elsewhere.length > 0) outside.set(digest, elsewhere);
      return [...up.map(({ place }) => place), home, ...elsewhere.filter(worthAsking)];
    },
    failed(place, error) {
      if (place.blobUrl !== undefined) badUrls.add(place.blobUrl.href);
      const mirror = copies.find((copy) => copy.place === place)?.mirror;
      if (mirror === undefined || isLadeError(error, 'not-found')) return;
      mirror.down = true;
      notice?.(
        `mirror ${mirror.session.host} of ${home.session.host} is passed over: ${toLadeError(error).message}`,
      );
    },
    distrust(digest) {
      const place = came.get(digest);
      if (place === undefined || place === home) return false;
      if (place.blobUrl !== undefined) {
        badUrls.add(place.blobUrl.href);
        return outside.get(digest)?.some(worthAsking) === true;
      }
      distrusted.set(digest, (distrusted.get(digest) ?? new Set()).add(place));
      notice?.(`mirror ${place.session.host} of ${home.session.host} gave wrong content for ${digest}`);
      return true;
    },
    took: (digest, place) => void came.set(digest, place),
  };
};

/** Asks one place after the other; the last one's failure counts. */
export const fromFirst = async <T>(
  sources: Sources,
  places: readonly Place[],
  call: (place: Place) => Promise<T>,
  signal: AbortSignal | undefined,
): Promise<T> => {
  for (const place of places.slice(0, -1)) {
    try {
      return await call(place);
    } catch (error) {
      if (signal?.aborted === true) throw error;
      sources.failed(place, error);
    }
  }
  return call(places.at(-1) ?? sources.origin);
};
