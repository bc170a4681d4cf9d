import { familiarName, familiarString, parseReference } from '#oci';
import type { ImageRecord } from '#store';
import { parseInstant } from '#units';
import { libraryErrors } from './errors.ts';
import type { Lookup } from './lookup.ts';

export type Filters = Readonly<Record<string, readonly string[]>>;

/** `invalid-argument` when a filter is not among the known ones. */
export const assertKnownFilters = (filters: Filters, known: readonly string[]): void => {
  const name = Object.keys(filters).find((key) => !known.includes(key));
  if (name !== undefined) throw libraryErrors.unknownFilter({ name, known: known.join(', ') });
};

/** A truth value as Docker's filters spell it; undefined when the filter is absent. */
export const booleanFilter = (filters: Filters, name: string): boolean | undefined => {
  const value = filters[name]?.at(-1)?.toLowerCase();
  if (value === undefined) return undefined;
  if (['1', 't', 'true'].includes(value)) return true;
  if (['0', 'f', 'false'].includes(value)) return false;
  throw libraryErrors.invalidFilterValue({ name, value });
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

const escape = (text: string): string => text.replaceAll(/[.+^${}()|\\]/g, String.raw`\$&`);

/** A glob in which `*` and `?` stop at a slash. */
const globPattern = (glob: string): RegExp => {
  const pieces = glob.split(/(\*|\?|\[[^\]]*\])/).map((piece) => {
    if (piece === '*') return '[^/]*';
    if (piece === '?') return '[^/]';
    return piece.startsWith('[') && piece.endsWith(']') ? piece.replaceAll('\\', '\\\\') : escape(piece);
  });
  return new RegExp(`^${pieces.join('')}$`);
};

const compile = (glob: string): RegExp => {
  try {
    return globPattern(glob);
  } catch {
    throw libraryErrors.invalidFilterValue({ name: 'reference', value: glob });
  }
};

/** Says of a canonical reference whether it fits one of the patterns, as whole reference or as name alone. */
export const referenceMatcher = (filters: Filters): ((canonical: string) => boolean) | undefined => {
  const patterns = filters['reference']?.map(compile);
  if (patterns === undefined) return undefined;
  return (canonical) => {
    const reference = parseReference(canonical, { defaultTag: false });
    const texts = [familiarString(reference), familiarName(reference)];
    return patterns.some((pattern) => texts.some((text) => pattern.test(text)));
  };
};

/** Bounds of creation by `before` (exclusive) and `since` (exclusive). */
export const creationBounds = (
  filters: Filters,
  lookup: Lookup,
): { readonly before: number; readonly since: number } => {
  const instants = (names: readonly string[]): readonly number[] =>
    names.map((name) => createdAt(lookup.find(name).record));
  return {
    before: Math.min(Infinity, ...instants(filters['before'] ?? [])),
    since: Math.max(-Infinity, ...instants(filters['since'] ?? [])),
  };
};
