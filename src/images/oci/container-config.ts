import { createReader, defined, type Fail, type Reader } from './json.ts';

/** A set as OCI writes it: the members are the keys. */
export type JsonSet = Readonly<Record<string, Readonly<Record<string, never>>>>;

export interface Healthcheck {
  /** `['NONE']`, `['CMD', …]` or `['CMD-SHELL', line]`. */
  readonly Test?: readonly string[] | undefined;
  /** Nanoseconds, as the next three. */
  readonly Interval?: number | undefined;
  readonly Timeout?: number | undefined;
  readonly StartPeriod?: number | undefined;
  readonly StartInterval?: number | undefined;
  readonly Retries?: number | undefined;
}

/** What a container of the image starts with; field names as in the image and the Docker Engine API. */
export interface ContainerConfig {
  readonly User?: string | undefined;
  readonly ExposedPorts?: JsonSet | undefined;
  readonly Env?: readonly string[] | undefined;
  readonly Entrypoint?: readonly string[] | undefined;
  readonly Cmd?: readonly string[] | undefined;
  readonly Volumes?: JsonSet | undefined;
  readonly WorkingDir?: string | undefined;
  readonly Labels?: Readonly<Record<string, string>> | undefined;
  readonly StopSignal?: string | undefined;
  readonly Healthcheck?: Healthcheck | undefined;
  readonly OnBuild?: readonly string[] | undefined;
  readonly Shell?: readonly string[] | undefined;
  readonly ArgsEscaped?: boolean | undefined;
}

const setOf = (reader: Reader, key: string): JsonSet | undefined => {
  const members = Object.keys(reader.object(key) ?? {}).sort();
  return members.length === 0 ? undefined : Object.fromEntries(members.map((member) => [member, {}]));
};

/** A list that some old tools wrote as one string. */
const words = (reader: Reader, key: string): readonly string[] | undefined => {
  const value = reader.raw(key);
  return typeof value === 'string' ? [value] : reader.strings(key);
};

const nonEmptyText = (text: string | undefined): string | undefined => (text === '' ? undefined : text);

const sortedLabels = (labels: Readonly<Record<string, string>> | undefined) => {
  const names = Object.keys(labels ?? {});
  if (labels === undefined || names.length === 0) return undefined;
  if (names.every((name, index) => index === 0 || (names[index - 1] ?? '') < name)) return labels;
  return Object.fromEntries(names.sort().map((name) => [name, labels[name] ?? '']));
};

const readHealthcheck = (reader: Reader, fail: Fail): Healthcheck | undefined => {
  const value = reader.object('Healthcheck');
  if (value === undefined) return undefined;
  const fields = createReader(value, reader.place('Healthcheck'), fail);
  return defined({
    Test: fields.strings('Test'),
    Interval: fields.integer('Interval'),
    Timeout: fields.integer('Timeout'),
    StartPeriod: fields.integer('StartPeriod'),
    StartInterval: fields.integer('StartInterval'),
    Retries: fields.integer('Retries'),
  });
};

/** Reads the fields Lade knows, in one order, without those that say nothing; `path` names it in faults. */
export const readContainerConfig = (value: unknown, path: string, fail: Fail): ContainerConfig => {
  const reader = createReader(value, path, fail);
  return defined({
    User: nonEmptyText(reader.string('User')),
    ExposedPorts: setOf(reader, 'ExposedPorts'),
    Env: reader.strings('Env'),
    Entrypoint: words(reader, 'Entrypoint'),
    Cmd: words(reader, 'Cmd'),
    Volumes: setOf(reader, 'Volumes'),
    WorkingDir: nonEmptyText(reader.string('WorkingDir')),
    Labels: sortedLabels(reader.stringMap('Labels')),
    StopSignal: nonEmptyText(reader.string('StopSignal')),
    Healthcheck: readHealthcheck(reader, fail),
    OnBuild: reader.strings('OnBuild'),
    Shell: reader.strings('Shell'),
    ArgsEscaped: reader.boolean('ArgsEscaped') === true ? true : undefined,
  });
};
