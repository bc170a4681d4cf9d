import { nearest } from '#console';
import type * as z from 'zod';
import type { SettingsDocument } from './document.ts';
import type { SettingsProblem } from './errors.ts';
import type { Override } from './layers.ts';
import { childOf, keysOf, type Outline } from './outline.ts';

type Issue = z.core.$ZodIssue;

interface Sources {
  readonly outline: Outline;
  readonly document: SettingsDocument | undefined;
  readonly overrides: readonly Override[];
}

interface Finding {
  readonly path: readonly PropertyKey[];
  readonly what: 'key' | 'value';
  readonly reason: string;
}

const at = (outline: Outline, path: readonly PropertyKey[]): Outline =>
  path.reduce<Outline>((here, name) => childOf(here, String(name)) ?? {}, outline);

const unknownKey = (outline: Outline, path: readonly PropertyKey[], key: string): Finding => {
  const keys = keysOf(at(outline, path));
  const meant = nearest(key, keys) ?? keys.find((name) => name.toLowerCase() === key.toLowerCase());
  const advice = meant === undefined ? `known are ${keys.join(', ')}` : `did you mean ${meant}?`;
  return { path: [...path, key], what: 'key', reason: `no such key; ${advice}` };
};

/** What the reader of an alternative meant: the one that goes deepest before it fails. */
const closest = (branches: readonly (readonly Issue[])[]): readonly Issue[] | undefined => {
  const depth = (issues: readonly Issue[]): number =>
    Math.max(0, ...issues.map((issue) => issue.path.length + (issue.code === 'invalid_type' ? 0 : 1)));
  return branches.toSorted((a, b) => depth(b) - depth(a)).find((issues) => depth(issues) > 0);
};

const kindOf = (value: unknown): string => {
  if (value === null) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'a group of keys';
  return (
    { string: 'text', number: 'a number', boolean: 'true or false' }[typeof value as string] ?? typeof value
  );
};

const EXPECTED: Readonly<Record<string, string>> = {
  object: 'a group of keys',
  record: 'a group of keys',
  array: 'a list',
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
};

const typeReason = (issue: Issue & { readonly code: 'invalid_type' }, input: unknown): string => {
  const wanted = EXPECTED[issue.expected] ?? issue.expected;
  return input === undefined ? `is missing; it is ${wanted}` : `must be ${wanted}, not ${kindOf(input)}`;
};

const valueAt = (tree: unknown, path: readonly PropertyKey[]): unknown =>
  path.reduce<unknown>(
    (here, name) =>
      typeof here === 'object' && here !== null ? (here as Record<PropertyKey, unknown>)[name] : undefined,
    tree,
  );

const wordsOf = (outline: Outline): readonly string[] =>
  (outline.enum ?? []).concat(outline.const ?? []).map(String);

const findingsOf = (issue: Issue, tree: unknown, outline: Outline): readonly Finding[] => {
  const { path } = issue;
  const input = valueAt(tree, path);
  const value = (reason: string): readonly Finding[] => [
    { path, what: input === undefined ? 'key' : 'value', reason },
  ];
  if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => unknownKey(outline, path, key));
  if (issue.code === 'invalid_type') return value(typeReason(issue, input));
  if (issue.code === 'invalid_union' && issue.errors.length > 0) {
    const branch = closest(issue.errors);
    if (branch !== undefined)
      return branch.flatMap((inner) =>
        findingsOf({ ...inner, path: [...path, ...inner.path] }, tree, outline),
      );
    const wanted = issue.errors.flatMap(([first]) =>
      first?.code === 'invalid_type' ? [EXPECTED[first.expected] ?? first.expected] : [],
    );
    return value(input === undefined ? 'is missing' : `must be ${wanted.join(' or ')}, not ${kindOf(input)}`);
  }
  if (issue.code === 'invalid_value') {
    const words = issue.values.map(String);
    const all = words.length > 0 ? words : wordsOf(at(outline, path));
    const meant = typeof input === 'string' ? nearest(input, all) : undefined;
    return value(`must be one of ${all.join(', ')}${meant === undefined ? '' : `; did you mean ${meant}?`}`);
  }
  return value(issue.message);
};

const covers = (path: readonly PropertyKey[], override: Override): boolean =>
  override.path.every((name, index) => String(path[index] ?? name) === name) && override.path.length > 0;

/** Every mistake that the schema found, where the user made it. */
export const problemsOf = (
  issues: readonly Issue[],
  tree: unknown,
  { outline, document, overrides }: Sources,
): readonly SettingsProblem[] =>
  issues
    .flatMap((issue) => findingsOf(issue, tree, outline))
    .map(({ path, what, reason }) => {
      const override = overrides.findLast((one) => path.length >= one.path.length && covers(path, one));
      const place = override?.from ?? document?.place(path, what) ?? '';
      return { place, key: path.map(String).join('.'), reason };
    })
    .toSorted((a, b) => a.place.localeCompare(b.place, 'en', { numeric: true }));
