import type { Context } from 'hono';
import { apiErrors, parseFilters, parseWhole, type BuildCacheAnswer, type Filters } from '#api';
import type { CacheFilter, CachePrune, CacheRecord, CacheRecordKind } from '#builder';
import { flag, instantOf, textOf } from './request.ts';

/** Kinds as BuildKit calls them. */
const TYPES: Readonly<Record<CacheRecordKind, string>> = {
  step: 'regular',
  'cache-mount': 'exec.cachemount',
  source: 'source.remote',
  log: 'log',
};

const KINDS = Object.keys(TYPES) as readonly CacheRecordKind[];

/** A record as the Docker API shows it. */
export const cacheAnswer = (record: CacheRecord): BuildCacheAnswer => ({
  ID: record.id,
  Type: TYPES[record.kind],
  Description: record.description,
  InUse: record.inUse,
  Shared: record.shared,
  Size: record.bytes,
  CreatedAt: record.createdAt.toISOString(),
  LastUsedAt: record.usedAt.toISOString(),
  UsageCount: record.uses,
});

const kindsOf = (words: readonly string[] | undefined): readonly CacheRecordKind[] | undefined =>
  words?.map((word) => {
    const kind = KINDS.find((each) => each === word || TYPES[each] === word);
    if (kind !== undefined) return kind;
    const expected = KINDS.flatMap((each) => [...new Set([each, TYPES[each]])]).join(', ');
    throw apiErrors.parameterInvalid({ name: 'type', value: word, expected });
  });

const truthOf = (name: string, words: readonly string[] | undefined): boolean | undefined => {
  const [word] = words ?? [];
  if (word === undefined) return undefined;
  if (word === '' || word === '1' || word === 'true') return true;
  if (word === '0' || word === 'false') return false;
  throw apiErrors.parameterInvalid({ name, value: word, expected: 'true or false' });
};

const KNOWN = ['until', 'unused-for', 'id', 'type', 'description', 'inuse', 'shared', 'private'];

/** Filters of records. @throws `API_PARAMETER_INVALID` for those that there are none of */
export const cacheFilter = (filters: Filters): CacheFilter => {
  const stranger = Object.keys(filters).find((name) => !KNOWN.includes(name));
  if (stranger !== undefined)
    throw apiErrors.parameterInvalid({ name: 'filters', value: stranger, expected: KNOWN.join(', ') });
  const before = instantOf('until', filters['until']?.[0] ?? filters['unused-for']?.[0]);
  const isPrivate = truthOf('private', filters['private']);
  return {
    before: before === undefined ? undefined : new Date(before),
    ids: filters['id'],
    kinds: kindsOf(filters['type']),
    descriptions: filters['description'],
    inUse: truthOf('inuse', filters['inuse']),
    shared: truthOf('shared', filters['shared']) ?? (isPrivate === undefined ? undefined : !isPrivate),
  };
};

export const cacheFilterOf = (c: Context): CacheFilter => cacheFilter(parseFilters(textOf(c, 'filters')));

const bytesOf = (c: Context, ...names: readonly string[]): number | undefined => {
  for (const name of names) {
    const bytes = parseWhole(name, textOf(c, name));
    if (bytes !== undefined && bytes > 0) return bytes;
  }
  return undefined;
};

/** What POST /build/prune asks for; `keep-storage` is the older name of `reserved-space`. */
export const cachePruneOf = (c: Context): CachePrune => ({
  all: flag(c, 'all'),
  filter: cacheFilterOf(c),
  reservedBytes: bytesOf(c, 'reserved-space', 'keep-storage'),
  maxUsedBytes: bytesOf(c, 'max-used-space'),
  minFreeBytes: bytesOf(c, 'min-free-space'),
});
