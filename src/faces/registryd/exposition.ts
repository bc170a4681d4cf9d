/** Labels of one series. */
export type Labels = Readonly<Record<string, string>>;

/** One series of a family. */
export interface Sample {
  readonly suffix?: string | undefined;
  readonly labels?: Labels | undefined;
  readonly value: number;
}

/** Metrics of one name, as Prometheus' text format 0.0.4 groups them. */
export interface Family {
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly samples: readonly Sample[];
}

const escaped = (text: string): string =>
  text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('"', '\\"');

const number = (value: number): string => {
  if (Number.isNaN(value)) return 'NaN';
  if (Number.isFinite(value)) return String(value);
  return value > 0 ? '+Inf' : '-Inf';
};

const labelText = (labels: Labels = {}): string => {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
};

const familyText = ({ name, help, type, samples }: Family): string =>
  [
    `# HELP ${name} ${help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')}`,
    `# TYPE ${name} ${type}`,
    ...samples.map(
      ({ suffix = '', labels, value }) => `${name}${suffix}${labelText(labels)} ${number(value)}`,
    ),
  ].join('\n');

/** Media type of what `expose` writes. */
export const EXPOSITION_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

/** Families as text; those without samples are left out. */
export const expose = (families: readonly Family[]): string =>
  families
    .filter(({ samples }) => samples.length > 0)
    .map((family) => `${familyText(family)}\n`)
    .join('');

/** A histogram of seconds. */
export interface Histogram {
  observe(seconds: number): void;
  samples(labels: Labels): readonly Sample[];
}

/** A histogram with these upper bounds, in order. */
export const createHistogram = (bounds: readonly number[]): Histogram => {
  const counts = bounds.map(() => 0);
  let [sum, count] = [0, 0];
  return {
    observe: (value) => {
      sum += value;
      count += 1;
      const index = bounds.findIndex((bound) => value <= bound);
      if (index !== -1) counts[index] = (counts[index] ?? 0) + 1;
    },
    samples: (labels) => {
      let below = 0;
      const buckets = bounds.map((bound, index) => {
        below += counts[index] ?? 0;
        return { suffix: '_bucket', labels: { ...labels, le: number(bound) }, value: below };
      });
      return [
        ...buckets,
        { suffix: '_bucket', labels: { ...labels, le: '+Inf' }, value: count },
        { suffix: '_sum', labels, value: sum },
        { suffix: '_count', labels, value: count },
      ];
    },
  };
};
