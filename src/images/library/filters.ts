import { familiarName, familiarString, parseReference } from '#oci';
import type { ImageRecord } from '#store';
import { parseInstant } from '#units';
import { libraryErrors } from './errors.ts';
import type { Lookup } from './lookup.ts';
import { compilePathPattern } from './path-pattern.ts';

export type Filters = Readonly<Record<string, readonly string[]>>;

/** `invalid-argument` when a filter is not among the known ones. */
export const assertKnownFilters = (filters: Filters, known: readonly string[]): void => {
  const name = Object.keys(filters).find((key) => !known.includes(key));
  if (name !== undefined) throw libraryErrors.unknownFilter({ name, known: known.join(', ') });
};

/** A truth value as Docker's filters spell it; undefined when the filter is absent. */
export const booleanFilter = (filters: Filters, name: string): boolean | undefined => {
  const values = filters[name];
  if (values === undefined) return undefined;
  const isTrue = values.includes('1') || values.includes('true');
  const isFalse = values.includes('0') || values.includes('false');
  if (isTrue === isFalse) throw libraryErrors.invalidFilterValue({ name, value: values.join(' ') });
  return isTrue;
};

const labelFits = (labels: Readonly<Record<string, string>>, wanted: string): boolean => {
  const equals = wanted.indexOf('=');
  if (equals < 0) return Object.hasOwn(labels, wanted);
  return labels[wanted.slice(0, equals)] === wanted.slice(equals + 1);
};

/** Whether the labels have all `label`s and none of the `label!`s. */
export const labelsFit = (labels: Readonly<Record<string, string>>, filters: Filters): boolean =>
  (filters['label'] ?? []).every((wanted) => labelFits(labels, wanted)) &&
  !(filters['label!'] ?? []).some((refused) => labelFits(labels, refused));

/** Milliseconds since the epoch of an image's creation. */
export const createdAt = (record: Pick<ImageRecord, 'created'>): number =>
  record.created === undefined ? 0 : Date.parse(record.created);

/** Milliseconds since 1970 that the filter `until` names. */
export const untilFilter = (filters: Filters, now: number): number | undefined => {
  const value = filters['until']?.at(-1);
  if (value === undefined) return undefined;
  const instant = parseInstant(value, now);
  if (instant === undefined) throw libraryErrors.invalidFilterValue({ name: 'until', value });
  return instant;
};

const compile = (pattern: string): ((text: string) => boolean) => {
  const fits = compilePathPattern(pattern);
  if (fits === undefined) throw libraryErrors.malformedPattern({ pattern });
  return fits;
};

/** Says of a canonical reference whether it fits one of the patterns, as whole reference or as name alone. */
export const referenceMatcher = (filters: Filters): ((canonical: string) => boolean) | undefined => {
  const patterns = filters['reference']?.map(compile);
  if (patterns === undefined) return undefined;
  return (canonical) => {
    const reference = parseReference(canonical, { defaultTag: false });
    const texts = [familiarString(reference), familiarName(reference)];
    return patterns.some((fits) => texts.some(fits));
  };
};

/** Nanoseconds since the epoch of an image's creation; undefined when its configuration does not say. */
const createdNs = ({ created }: Pick<ImageRecord, 'created'>): bigint | undefined => {
  if (created === undefined) return undefined;
  const [, whole = created, fraction = '', zone = ''] = /^(.*?)\.(\d+)(\D.*)$/.exec(created) ?? [];
  const ms = Date.parse(whole + zone);
  return Number.isNaN(ms) ? undefined : BigInt(ms) * 1_000_000n + BigInt(fraction.slice(0, 9).padEnd(9, '0'));
};

const least = (instants: readonly bigint[]): bigint | undefined =>
  instants.reduce<bigint | undefined>((low, at) => (low === undefined || at < low ? at : low), undefined);

const greatest = (instants: readonly bigint[]): bigint | undefined =>
  instants.reduce<bigint | undefined>((high, at) => (high === undefined || at > high ? at : high), undefined);

/**
 * Whether an image was created within what `before`, `until` and `since` say, all exclusive; each may be given several
 * times and then means the narrowest. An image that does not say when it was created is in no such bounds.
 */
export const creationFilter = (filters: Filters, lookup: Lookup): ((record: ImageRecord) => boolean) => {
  const ofImages = (names: readonly string[] = []): readonly bigint[] =>
    names.map((name) => createdNs(lookup.find(name).record)).filter((at) => at !== undefined);
  const now = Date.now();
  const untils = (filters['until'] ?? []).map((value) => untilFilter({ until: [value] }, now) ?? 0);
  const before = least([
    ...ofImages(filters['before']),
    ...untils.map((ms) => BigInt(Math.trunc(ms)) * 1_000_000n),
  ]);
  const since = greatest(ofImages(filters['since']));
  if (before === undefined && since === undefined) return () => true;
  return (record) => {
    const created = createdNs(record);
    if (created === undefined) return false;
    return (before === undefined || created < before) && (since === undefined || created > since);
  };
};
