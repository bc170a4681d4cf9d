import {
  isAlias,
  isMap,
  isNode,
  isPair,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  type Document,
} from 'yaml';
import { settingsErrors, type SettingsProblem } from './errors.ts';

/** A settings file that has been read. */
export interface SettingsDocument {
  /** Its content as plain values; an empty file is `{}`. */
  readonly value: unknown;
  /** `FILE:LINE:COLUMN` of the key, or of the nearest one above it that the file has. */
  place(path: readonly PropertyKey[], what?: 'key' | 'value'): string;
}

const childNode = (document: Document, node: unknown, key: PropertyKey) => {
  const real = isAlias(node) ? node.resolve(document) : node;
  if (isMap(real)) {
    const pair = real.items.find((item) => isScalar(item.key) && String(item.key.value) === String(key));
    return { key: pair?.key, value: pair?.value };
  }
  const item = isSeq(real) ? real.items[Number(key)] : undefined;
  return { key: item, value: isPair(item) ? item.value : item };
};

const offsetOf = (document: Document, path: readonly PropertyKey[], what: 'key' | 'value'): number => {
  let node: unknown = document.contents;
  let offset = 0;
  for (const [index, name] of path.entries()) {
    const child = childNode(document, node, name);
    const wanted = index === path.length - 1 && what === 'value' ? (child.value ?? child.key) : child.key;
    if (!isNode(wanted)) break;
    offset = wanted.range?.[0] ?? offset;
    node = child.value;
  }
  return offset;
};

const syntaxProblem = (
  file: string,
  error: { message: string; linePos?: unknown; pos: unknown },
  counter: LineCounter,
): SettingsProblem => {
  const start = Array.isArray(error.pos) ? Number(error.pos[0]) : 0;
  const { line, col } = counter.linePos(start);
  return {
    place: `${file}:${line}:${col}`,
    key: '',
    reason: error.message.split(/ at line \d+|\n/u)[0] ?? '',
  };
};

/**
 * Reads YAML and remembers where every key stands.
 *
 * @throws SETTINGS_INVALID with every place where it is no YAML
 */
export const parseSettingsDocument = (file: string, text: string): SettingsDocument => {
  const lineCounter = new LineCounter();
  const document = parseDocument(text, { lineCounter, prettyErrors: true, uniqueKeys: true });
  if (document.errors.length > 0) {
    throw settingsErrors.invalid({
      problems: document.errors.map((error) => syntaxProblem(file, error, lineCounter)),
    });
  }
  return {
    value: document.toJS({ maxAliasCount: 100 }) ?? {},
    place: (path, what = 'key') => {
      const { line, col } = lineCounter.linePos(offsetOf(document, path, what));
      return `${file}:${Math.max(line, 1)}:${Math.max(col, 1)}`;
    },
  };
};
