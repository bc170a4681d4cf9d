import { isDigest, parseDiffId, parseDigest, type Descriptor, type DiffId } from '#oci';
import type { StepResult } from './build-cache.ts';
import { cacheErrors } from './errors.ts';

/** Of the configuration of a cache's manifest: the document below. */
export const CACHE_MEDIA_TYPE = 'application/vnd.lade.build-cache.v1+json';

/** Most bytes of a document that is read. */
export const MAX_DOCUMENT_BYTES = 32 * 1024 * 1024;
const MAX_RESULTS = 100_000;
const MAX_LAYERS = 20_000;

/** A result with the keys that it is found by, as it travels between machines. */
export interface ExchangedResult {
  readonly key: string;
  readonly aliases: readonly string[];
  readonly result: StepResult;
}

/** What a cache of another machine has. */
export interface CacheDocument {
  readonly results: readonly ExchangedResult[];
  /** How layers travel; those of base images are not among them. */
  readonly layers: ReadonlyMap<DiffId, Descriptor>;
}

/** The bytes of a document; the same content gives the same bytes. */
export const encodeCacheDocument = ({ results, layers }: CacheDocument): Buffer => {
  const all = [...new Set(results.flatMap(({ result }) => result.layers))];
  const numbers = new Map(all.map((diffId, index) => [diffId, index]));
  return Buffer.from(
    JSON.stringify({
      version: 1,
      diffIds: all,
      layers: Array.from(layers, ([diffId, { mediaType, digest, size }]) => ({
        diffId,
        mediaType,
        digest,
        size,
      })),
      results: results.map(({ key, aliases, result }) => ({
        key,
        aliases,
        layers: result.layers.map((diffId) => numbers.get(diffId)),
        own: result.own !== undefined,
        size: result.size,
        created: result.created,
      })),
    }),
  );
};

const fail = (reason: string): Error => cacheErrors.badCache({ reason });

const listIn = (value: unknown, name: string, most: number): readonly unknown[] => {
  if (!Array.isArray(value)) throw fail(`${name} is not a list`);
  if (value.length > most) throw fail(`${name} has more than ${most} entries`);
  return value as readonly unknown[];
};

const recordIn = (value: unknown, name: string): Readonly<Record<string, unknown>> => {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw fail(`${name} is not a record`);
  return value as Readonly<Record<string, unknown>>;
};

const KEY = /^[0-9a-f]{64}$/u;

const keyIn = (value: unknown): string => {
  if (typeof value === 'string' && KEY.test(value)) return value;
  throw fail('it has something that is no key');
};

const sizeIn = (value: unknown): number => {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  throw fail('it has something that is no size');
};

const timeIn = (value: unknown): string => {
  if (typeof value === 'string' && value.length < 64 && !Number.isNaN(Date.parse(value))) return value;
  throw fail('it has something that is no time');
};

const diffIdIn = (value: unknown): DiffId => {
  if (typeof value === 'string' && isDigest(value)) return parseDiffId(value);
  throw fail('it has something that is no digest');
};

const layerIn = (value: unknown): readonly [DiffId, Descriptor] => {
  const { diffId, mediaType, digest, size } = recordIn(value, 'a layer');
  if (typeof mediaType !== 'string' || typeof digest !== 'string' || !isDigest(digest))
    throw fail('it has a layer without a digest');
  return [diffIdIn(diffId), { mediaType, digest: parseDigest(digest), size: sizeIn(size) }];
};

const resultIn = (value: unknown, diffIds: readonly DiffId[]): ExchangedResult => {
  const record = recordIn(value, 'a result');
  const layers = listIn(record['layers'], 'layers of a result', MAX_LAYERS).map((number): DiffId => {
    const diffId = typeof number === 'number' ? diffIds[number] : undefined;
    if (diffId === undefined) throw fail('a result has a layer that is not listed');
    return diffId;
  });
  const own = record['own'] === true ? layers.at(-1) : undefined;
  const size = sizeIn(record['size']);
  return {
    key: keyIn(record['key']),
    aliases: listIn(record['aliases'], 'aliases', 1000).map(keyIn),
    result: { layers, own, size, created: timeIn(record['created']) },
  };
};

/**
 * Reads a document that came from elsewhere: nothing in it is believed beyond its form.
 *
 * @throws `BUILDER_BAD_CACHE`
 */
export const parseCacheDocument = (bytes: Uint8Array): CacheDocument => {
  if (bytes.length > MAX_DOCUMENT_BYTES) throw fail(`it is larger than ${MAX_DOCUMENT_BYTES} bytes`);
  let parsed: unknown;
  try {
    parsed = JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch {
    throw fail('it is not JSON');
  }
  const document = recordIn(parsed, 'it');
  if (document['version'] !== 1) throw fail('it is of another version');
  const diffIds = listIn(document['diffIds'], 'diffIds', MAX_RESULTS).map(diffIdIn);
  return {
    layers: new Map(listIn(document['layers'], 'layers', MAX_RESULTS).map(layerIn)),
    results: listIn(document['results'], 'results', MAX_RESULTS).map((each) => resultIn(each, diffIds)),
  };
};
