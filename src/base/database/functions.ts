import { hash } from 'node:crypto';
import type { DatabaseSync, SQLInputValue } from 'node:sqlite';

const KEPT_EXPRESSIONS = 200;

const createRegexp = (): ((expression: SQLInputValue, text: SQLInputValue) => number) => {
  const expressions = new Map<string, RegExp>();
  const compiled = (source: string): RegExp => {
    const known = expressions.get(source);
    if (known !== undefined) return known;
    const made = new RegExp(source, 'u');
    if (expressions.size >= KEPT_EXPRESSIONS) expressions.clear();
    expressions.set(source, made);
    return made;
  };
  return (expression, text) =>
    typeof expression === 'string' && typeof text === 'string' && compiled(expression).test(text) ? 1 : 0;
};

/**
 * Adds the functions that SQL of every room may use, triggers included: `sha256(text)`, the digest of its UTF-8 bytes in
 * hexadecimal, and `regexp(expression, text)`, which is what `text REGEXP expression` means: JavaScript's expressions.
 */
export const addFunctions = (sqlite: DatabaseSync): void => {
  const pure = { deterministic: true };
  sqlite.function('sha256', pure, (text) => hash('sha256', String(text), 'hex'));
  sqlite.function('regexp', pure, createRegexp());
};
