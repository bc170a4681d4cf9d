import { InstructionFault } from './faults.ts';
import { didYouMean } from './suggest.ts';
import type { Statement, Word } from './types.ts';

/** The form of a flag's value. `list` flags may be repeated. */
type FlagForm = 'boolean' | 'text' | 'list';

export interface Flags {
  /** Undefined when the flag is not written. */
  boolean(name: string): boolean | undefined;
  text(name: string): Word | undefined;
  list(name: string): readonly Word[];
}

const booleanOf = (name: string, value: string | undefined): boolean => {
  if (value === undefined) return true;
  const lower = value.toLowerCase();
  if (lower === 'true' || lower === 'false') return lower === 'true';
  throw new InstructionFault(
    value === ''
      ? `missing a value on flag: --${name}`
      : `expecting boolean value for flag --${name}, not: ${value}`,
  );
};

const split = (word: Word): { readonly name: string; readonly value: string | undefined } => {
  const text = word.value.slice(2);
  const equals = text.indexOf('=');
  return equals < 0
    ? { name: text, value: undefined }
    : { name: text.slice(0, equals), value: text.slice(equals + 1) };
};

/** Reads the flags of a statement; an unknown, repeated or malformed one is an InstructionFault. */
export const readFlags = (statement: Statement, forms: Readonly<Record<string, FlagForm>>): Flags => {
  const booleans = new Map<string, boolean>();
  const words = new Map<string, Word[]>();
  for (const flag of statement.flags) {
    const { name, value } = split(flag);
    const form = Object.hasOwn(forms, name) ? forms[name] : undefined;
    if (form === undefined) {
      throw new InstructionFault(`unknown flag: --${name}`, flag.range, didYouMean(name, Object.keys(forms)));
    }
    const seen = booleans.has(name) || words.has(name);
    if (seen && form !== 'list')
      throw new InstructionFault(`duplicate flag specified: --${name}`, flag.range);
    if (form === 'boolean') {
      booleans.set(name, booleanOf(name, value));
      continue;
    }
    if (value === undefined) throw new InstructionFault(`missing a value on flag: --${name}`, flag.range);
    const list = words.get(name) ?? [];
    list.push({ value, range: flag.range });
    words.set(name, list);
  }
  return {
    boolean: (name) => booleans.get(name),
    text: (name) => words.get(name)?.[0],
    list: (name) => words.get(name) ?? [],
  };
};
