import { alignColumns, flagTable, humanSize } from '#console';
import { defineCommand } from '../command.ts';
import { registryCalls, registryFlags, type RegistryCalls } from '../registry-call.ts';

interface Account {
  readonly total: number;
  readonly unique: number;
  readonly shared: number;
}

interface Named extends Account {
  readonly namespace?: string;
  readonly repository?: string;
  readonly tag?: string;
}

/** An answer of `/usage`: what was asked for, and a page of its parts. */
interface Usage {
  readonly registry?: { readonly repositories: number; readonly total: number };
  readonly namespace?: Named;
  readonly repository?: Named;
  readonly namespaces?: readonly Named[];
  readonly repositories?: readonly Named[];
  readonly tags?: readonly Named[];
}

const PAGE = 200;

const partsOf = ({ namespaces, repositories, tags }: Usage): readonly Named[] =>
  namespaces ?? repositories ?? tags ?? [];

const nameOf = ({ tag, repository, namespace }: Named): string => tag ?? repository ?? namespace ?? '';

/** All pages as one answer. */
const everything = async (registry: RegistryCalls, name: string | undefined): Promise<Usage> => {
  const page = (after: string): Promise<Usage> =>
    registry.json<Usage>({ method: 'GET', path: '/usage', query: { name, after, limit: PAGE } });
  const first = await page('');
  const parts = [...partsOf(first)];
  for (let got = parts.length; got === PAGE;) {
    const next = partsOf(await page(nameOf(parts.at(-1) ?? { total: 0, unique: 0, shared: 0 })));
    parts.push(...next);
    got = next.length;
  }
  const { namespaces, repositories, tags } = first;
  return {
    ...first,
    ...(namespaces === undefined ? {} : { namespaces: parts }),
    ...(repositories === undefined ? {} : { repositories: parts }),
    ...(tags === undefined ? {} : { tags: parts }),
  };
};

const headingOf = ({ namespaces, repositories }: Usage): string => {
  if (namespaces !== undefined) return 'NAMESPACE';
  return repositories === undefined ? 'TAG' : 'REPOSITORY';
};

const table = (usage: Usage, sizeText: (bytes: number) => string): string => {
  const row = (name: string, { total, unique, shared }: Account): string =>
    [name, ...[total, unique, shared].map((bytes) => sizeText(bytes))].join('\t');
  const whole = usage.namespace ?? usage.repository;
  const last =
    whole === undefined
      ? `(all)\t${sizeText(usage.registry?.total ?? 0)}`
      : row(`(all of ${whole.repository ?? `${String(whole.namespace)}/`})`, whole);
  const lines = [
    `${headingOf(usage)}\tTOTAL\tUNIQUE\tSHARED`,
    ...partsOf(usage).map((part) => row(nameOf(part), part)),
    last,
  ];
  return `${alignColumns(lines.join('\n'))}\n`;
};

interface Recount {
  readonly repositories: number;
  readonly namespaces: number;
  readonly quotas: number;
  readonly faults: readonly {
    readonly of: string;
    readonly name: string;
    readonly counted: unknown;
    readonly recounted: unknown;
  }[];
}

const recountText = ({ repositories, namespaces, quotas, faults }: Recount): string =>
  [
    ...faults.map(
      ({ of, name, counted, recounted }) =>
        `${of} ${name}: counted ${JSON.stringify(counted)}, recounted ${JSON.stringify(recounted)}\n`,
    ),
    `${repositories} repositories, ${namespaces} namespaces and ${quotas} quotas counted anew: `,
    faults.length === 0 ? 'all figures are right\n' : `${faults.length} figures are wrong\n`,
  ].join('');

export const command = defineCommand({
  name: 'registry du',
  operands: '[OPTIONS] [REPOSITORY|NAMESPACE]',
  summary: 'Show how many bytes namespaces, repositories and tags hold, alone and shared',
  flags: flagTable({
    ...registryFlags,
    bytes: { kind: 'bool', short: 'b', help: 'Exact numbers of bytes' },
    json: { kind: 'bool', help: 'One JSON object' },
    repair: { kind: 'bool', help: 'Set all figures to what a recount says' },
    verify: { kind: 'bool', help: 'Count everything anew and compare; exit code 1 when a figure is wrong' },
  }),
  args: [0, 1],
  async run(cli, { flags, args: [name] }) {
    const registry = await registryCalls(cli, flags);
    if (flags.repair) {
      await registry.json({ method: 'POST', path: '/usage/repair' });
      cli.out('all figures are set to what a recount says\n');
    }
    if (flags.verify) {
      const report = await registry.json<Recount>({ method: 'GET', path: '/usage/verification' });
      cli.out(flags.json ? `${JSON.stringify(report)}\n` : recountText(report));
      return report.faults.length === 0 ? 0 : 1;
    }
    if (flags.repair) return 0;
    const usage = await everything(registry, name);
    cli.out(flags.json ? `${JSON.stringify(usage)}\n` : table(usage, flags.bytes ? String : humanSize));
    return 0;
  },
});
