import { parse } from 'yaml';
import { nearest } from '#console';
import { allows, childOf, keysOf, type Outline } from './outline.ts';

export type Tree = { readonly [key: string]: unknown };

/** One value that comes from outside the file. */
export interface Override {
  /** Name of the variable or flag, as the user wrote it. */
  readonly from: string;
  readonly path: readonly string[];
  readonly value: unknown;
}

export const isTree = (value: unknown): value is Tree =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** `tree` with one value set. */
export const withValue = (tree: unknown, path: readonly string[], value: unknown): unknown => {
  const [first, ...rest] = path;
  if (first === undefined) return value;
  if (Array.isArray(tree) && /^\d+$/.test(first)) {
    const copy: unknown[] = [...tree];
    copy[Number(first)] = withValue(copy[Number(first)], rest, value);
    return copy;
  }
  const base = isTree(tree) ? tree : {};
  return { ...base, [first]: withValue(base[first], rest, value) };
};

/** Without the keys that have nothing behind them: what is commented out below a key leaves it empty. */
export const withoutEmpty = (tree: unknown): unknown => {
  if (Array.isArray(tree)) return tree.map(withoutEmpty);
  if (!isTree(tree)) return tree ?? undefined;
  const kept = Object.entries(tree).filter(([, value]) => value !== null);
  return Object.fromEntries(kept.map(([name, value]) => [name, withoutEmpty(value)]));
};

const plain = (name: string): string => name.replaceAll('_', '').toLowerCase();

const yamlOr = (text: string): unknown => {
  try {
    return parse(text) as unknown;
  } catch {
    return text;
  }
};

/** A variable's text as the key wants it: text where text may stand, lists with commas, YAML otherwise. */
const valueFor = (outline: Outline, text: string): unknown => {
  const value = yamlOr(text);
  if (allows(outline, 'array') && !Array.isArray(value) && !isTree(value))
    return text.split(',').map((part) => part.trim());
  if (isTree(value) || Array.isArray(value)) return value;
  const isTyped = ['boolean', 'number', 'integer'].some((type) => allows(outline, type));
  return allows(outline, 'string') && !(isTyped && typeof value !== 'string') ? text : value;
};

const pathOf = (outline: Outline, segments: readonly string[]): readonly string[] | undefined => {
  let at: Outline = outline;
  const path: string[] = [];
  for (const segment of segments) {
    const key = keysOf(at).find((name) => plain(name) === plain(segment)) ?? segment.toLowerCase();
    const next = childOf(at, key);
    if (next === undefined) return undefined;
    path.push(key);
    at = next;
  }
  return path;
};

const outlineAt = (outline: Outline, path: readonly string[]): Outline =>
  path.reduce<Outline>((at, name) => childOf(at, name) ?? {}, outline);

/** What the environment sets, and the variables that look like settings but are none. */
export interface EnvironmentOverrides {
  readonly overrides: readonly Override[];
  readonly unknown: readonly string[];
}

/**
 * Reads variables such as `LADE_REGISTRY_LISTEN` and `LADE_REGISTRY_TLS__MIN_VERSION`: two underscores go one key
 * deeper, case and single underscores do not matter. Unknown ones are only reported: orchestrators set variables with
 * the names of services.
 */
export const environmentOverrides = (
  outline: Outline,
  prefix: string,
  env: Readonly<Record<string, string | undefined>>,
): EnvironmentOverrides => {
  const overrides: Override[] = [];
  const unknown: string[] = [];
  for (const [name, text] of Object.entries(env)) {
    if (!name.startsWith(prefix) || text === undefined) continue;
    const segments = name.slice(prefix.length).split('__');
    const path = segments.includes('') ? undefined : pathOf(outline, segments);
    if (path === undefined) {
      const meant = nearest(plain(segments[0] ?? ''), keysOf(outline).map(plain));
      unknown.push(meant === undefined || segments.length > 1 ? name : `${name} (is ${meant} meant?)`);
    } else overrides.push({ from: name, path, value: valueFor(outlineAt(outline, path), text) });
  }
  return { overrides, unknown };
};
