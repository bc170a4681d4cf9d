import type { Document, LineCounter, ParsedNode } from 'yaml';
import { distributionErrors } from './errors.ts';
import type * as yamlExports from './yaml-exports.ts';

type Yaml = typeof yamlExports;

/** A value in a YAML file that knows where it stands; every reading that fails names file, line and place. */
export interface Spot {
  /** The keys that lead here, such as `registries.docker.io.mirrors`; empty at the top. */
  readonly where: string;
  fail(problem: string): Error;
  /** The keys and values of a map; of nothing, none. */
  entries(): ReadonlyMap<string, Spot>;
  /** The same for a map that may have these keys only. */
  fields<K extends string>(allowed: readonly K[]): Readonly<Partial<Record<K, Spot>>>;
  isMap(): boolean;
  text(): string;
  flag(): boolean;
  /** The members of a list; one value is a list of one. */
  list(): readonly Spot[];
}

interface File {
  readonly path: string;
  readonly document: Document.Parsed;
  readonly lines: LineCounter;
  readonly yaml: Yaml;
}

const lineOf = ({ lines }: File, node: ParsedNode | null | undefined): number =>
  lines.linePos(node?.range?.[0] ?? 0).line;

const shown = (value: unknown): string => JSON.stringify(value)?.slice(0, 60) ?? 'nothing';

/** Place of a value and the node itself, with aliases followed; `near` stands for a value that is left out. */
const spotOf = (file: File, given: ParsedNode | null | undefined, where: string, near?: ParsedNode): Spot => {
  const { yaml, document, path } = file;
  const node = yaml.isAlias(given) ? given.resolve(document) : given;
  const fail = (problem: string): Error =>
    distributionErrors.hostsFileInvalid({
      path,
      line: lineOf(file, given ?? near),
      problem: where === '' ? problem : `${where}: ${problem}`,
    });
  const scalar = (): unknown => (yaml.isScalar(node) ? node.value : undefined);
  const isNothing = (): boolean => node === null || node === undefined || scalar() === null;
  const below = (key: string): string => (where === '' ? key : `${where}.${key}`);

  const entries = (): ReadonlyMap<string, Spot> => {
    if (isNothing()) return new Map();
    if (!yaml.isMap(node)) throw fail(`expected a map, got ${shown(node?.toJSON())}`);
    return new Map(
      node.items.map((item) => {
        const keyNode = item.key as ParsedNode;
        const key = String(yaml.isScalar(keyNode) ? keyNode.value : keyNode);
        return [key, spotOf(file, item.value as ParsedNode | null, below(key), keyNode)];
      }),
    );
  };
  return {
    where,
    fail,
    entries,
    fields: (allowed) => {
      const found = entries();
      const known: readonly string[] = allowed;
      for (const [key, value] of found) {
        if (!known.includes(key)) throw value.fail(`unknown key; known are ${known.join(', ')}`);
      }
      return Object.fromEntries(found) as Partial<Record<(typeof allowed)[number], Spot>>;
    },
    isMap: () => yaml.isMap(node),
    text: () => {
      const value = scalar();
      if (typeof value === 'number') return String(value);
      if (typeof value === 'string' && value !== '') return value;
      throw fail(`expected a text, got ${shown(node?.toJSON())}`);
    },
    flag: () => {
      const value = scalar();
      if (typeof value === 'boolean') return value;
      throw fail(`expected true or false, got ${shown(node?.toJSON())}`);
    },
    list: () => {
      if (isNothing()) return [];
      if (!yaml.isSeq(node)) return [spotOf(file, given, where, near)];
      return node.items.map((item, index) => spotOf(file, item as ParsedNode, `${where}[${index}]`));
    },
  };
};

/**
 * Reads YAML text of the file `path`. The parser is loaded by the first call.
 *
 * @throws DISTRIBUTION_HOSTS_FILE_INVALID with the line
 */
export const readYaml = async (path: string, text: string): Promise<Spot> => {
  const yaml = await import('./yaml-exports.ts');
  const lines = new yaml.LineCounter();
  const document = yaml.parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const [error] = document.errors;
  if (error !== undefined) {
    const { line } = lines.linePos(error.pos[0]);
    throw distributionErrors.hostsFileInvalid({ path, line, problem: error.message }, error);
  }
  return spotOf({ path, document, lines, yaml }, document.contents, '');
};
