import type { ContainerConfig, HistoryEntry, ImageConfig } from '#oci';
import type { ConfigDifference } from './diff-types.ts';

type Fields = ReadonlyMap<string, unknown>;

const WHOLE: readonly (keyof ContainerConfig)[] = [
  'User',
  'WorkingDir',
  'Entrypoint',
  'Cmd',
  'Shell',
  'StopSignal',
  'Healthcheck',
  'OnBuild',
];

/** `KEY=value` words by key; the last of several counts, as it does in a container. */
const variables = (env: readonly string[] = []): readonly (readonly [string, unknown])[] =>
  env.map((word) => {
    const equals = word.indexOf('=');
    return equals < 0 ? [word, ''] : [word.slice(0, equals), word.slice(equals + 1)];
  });

const members = (
  name: string,
  entries: readonly (readonly [string, unknown])[],
): readonly (readonly [string, unknown])[] =>
  entries
    .map(([key, value]) => [`${name}.${key}`, value] as const)
    .toSorted(([a], [b]) => (a < b ? -1 : Number(a > b)));

const stepOf = (entry: HistoryEntry): string => entry.createdBy ?? entry.comment ?? '';

/** What can differ, in the order in which it is told. */
const fieldsOf = (image: ImageConfig): Fields => {
  const { config } = image;
  const all: readonly (readonly [string, unknown])[] = [
    ['Os', image.os],
    ['Architecture', image.architecture],
    ['Variant', image.variant],
    ['OsVersion', image.osVersion],
    ['Created', image.created],
    ['Author', image.author],
    ...WHOLE.map((name) => [name, config[name]] as const),
    ...members('Env', variables(config.Env)),
    ...members('ExposedPorts', Object.entries(config.ExposedPorts ?? {})),
    ...members('Volumes', Object.entries(config.Volumes ?? {})),
    ...members('Labels', Object.entries(config.Labels ?? {})),
  ];
  return new Map(all.filter(([, value]) => value !== undefined));
};

const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);

/** Steps that only one of the images has, after those that both begin with. */
const historyDifferences = (
  before: readonly HistoryEntry[],
  after: readonly HistoryEntry[],
): readonly ConfigDifference[] => {
  const differs = before.findIndex((entry, index) => !same(entry, after[index]));
  const common = differs < 0 ? before.length : differs;
  return [
    ...before.slice(common).map((entry) => ({ field: 'History', before: stepOf(entry) })),
    ...after.slice(common).map((entry) => ({ field: 'History', after: stepOf(entry) })),
  ];
};

/** In what two configurations differ; layers are told by themselves. */
export const diffConfigs = (before: ImageConfig, after: ImageConfig): readonly ConfigDifference[] => {
  const [was, is] = [fieldsOf(before), fieldsOf(after)];
  const order = [...new Set([...was.keys(), ...is.keys()])];
  const differences = order
    .filter((field) => !same(was.get(field), is.get(field)))
    .map((field) => ({
      field,
      ...(was.has(field) ? { before: was.get(field) } : {}),
      ...(is.has(field) ? { after: is.get(field) } : {}),
    }));
  return [...differences, ...historyDifferences(before.history, after.history)];
};
