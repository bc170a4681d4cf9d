import { stringify } from 'yaml';
import type * as z from 'zod';
import { isTree } from './layers.ts';
import { alternatives, childOf, keysOf, outlineOf, type Outline } from './outline.ts';

const HIDDEN = '(hidden)';

const isSecret = (outline: Outline): boolean => outline.kind === 'secret';

const shown = (outline: Outline, value: unknown): unknown => {
  if (value === undefined) return outline.default === undefined ? undefined : shown(outline, outline.default);
  if (isSecret(outline)) return isTree(value) ? value : HIDDEN;
  if (Array.isArray(value))
    return value.map((item, index) => shown(childOf(outline, String(index)) ?? {}, item));
  if (!isTree(value)) return value;
  const names = [...new Set([...keysOf(outline), ...Object.keys(value)])];
  return Object.fromEntries(
    names
      .map((name) => [name, shown(childOf(outline, name) ?? {}, value[name])] as const)
      .filter(([, inner]) => inner !== undefined),
  );
};

/** What is in force as YAML: what was written and the defaults of the rest. Secrets are hidden. */
export const printSettings = (schema: z.ZodType, written: unknown): string =>
  stringify(shown(outlineOf(schema), written), { lineWidth: 0 });

const text = (value: unknown): string => stringify(value, { lineWidth: 0, collectionStyle: 'flow' }).trim();

const wrapped = (words: string, indent: string): readonly string[] => {
  const lines: string[] = [];
  for (const word of words.split(' ')) {
    const last = lines.at(-1);
    if (last === undefined || `${last} ${word}`.length > 110 - indent.length) lines.push(word);
    else lines[lines.length - 1] = `${last} ${word}`;
  }
  return lines.map((line) => `${indent}# ${line}`);
};

const isGroup = (outline: Outline): boolean =>
  keysOf(outline).length > 0 && !isSecret(outline) && !hasItems(outline);
const hasItems = (outline: Outline): boolean =>
  alternatives(outline).some(({ items }) => items !== undefined);

const commented = (line: string): string => (/^ *(#|$)/.test(line) ? line : line.replace(/^( *)/, '$1# '));

const itemsOf = (outline: Outline): Outline | undefined =>
  alternatives(outline).find(({ items }) => items !== undefined)?.items;

/** What stands below a key that is a group, or a list of groups; undefined for every other key. */
const linesBelow = (child: Outline, indent: string): readonly string[] | undefined => {
  if (child.example !== undefined) return undefined;
  if (isGroup(child)) return exampleLines(child, `${indent}  `);
  const items = itemsOf(child);
  if (items === undefined || keysOf(items).length === 0 || isSecret(items)) return undefined;
  return [`${indent}  -`, ...exampleLines(items, `${indent}    `)].map(commented);
};

const exampleLines = (outline: Outline, indent: string): readonly string[] =>
  keysOf(outline).flatMap((name) => {
    const child = childOf(outline, name) ?? {};
    const about = child.description === undefined ? [] : wrapped(child.description, indent);
    const below = linesBelow(child, indent);
    if (below !== undefined) {
      const lines = [`${indent}${name}:`, ...below];
      const isSet = child.default !== undefined && isGroup(child);
      return [...about, ...(isSet ? lines : lines.map(commented)), ''];
    }
    const value = child.default ?? child.example;
    const isSet =
      child.default !== undefined && !(Array.isArray(child.default) && child.example !== undefined);
    if (isSet) return [...about, `${indent}${name}: ${text(value)}`];
    const shownValue = child.example ?? value;
    return [...about, `${indent}# ${name}:${shownValue === undefined ? '' : ` ${text(shownValue)}`}`];
  });

/** A commented file with every key: defaults as they are, everything else as a comment with an example. */
export const exampleSettings = (schema: z.ZodType): string =>
  `${exampleLines(outlineOf(schema), '')
    .join('\n')
    .replaceAll(/\n{3,}/g, '\n\n')
    .trim()}\n`;

/** One key, for the documentation. */
export interface SettingDescription {
  readonly key: string;
  readonly standard: string;
  readonly description: string;
}

const describe = (outline: Outline, prefix: string): readonly SettingDescription[] =>
  keysOf(outline).flatMap((name) => {
    const child = childOf(outline, name) ?? {};
    const key = `${prefix}${name}`;
    const standard = child.default === undefined || isGroup(child) ? '' : text(child.default);
    const own = { key, standard, description: child.description ?? '' };
    const below = hasItems(child)
      ? describe(itemsOf(child) ?? {}, `${key}[].`)
      : isSecret(child)
        ? []
        : describe(child, `${key}.`);
    return [own, ...below];
  });

/** Every key of a schema, in its order. */
export const describeSettings = (schema: z.ZodType): readonly SettingDescription[] =>
  describe(outlineOf(schema), '');
