import { alignColumns, binarySize, flagTable } from '#console';
import { defineCommand } from '../command.ts';
import { registryCalls, registryFlags } from '../registry-call.ts';

interface Quota {
  readonly repositories: string;
  readonly scope?: string;
  readonly used: number;
  readonly limit: number;
}

const percent = ({ used, limit }: Quota): string =>
  limit === 0 ? '-' : `${Math.floor((used / limit) * 100)}%`;

export const command = defineCommand({
  name: 'registry quota',
  operands: '[OPTIONS] [REPOSITORY]',
  summary: 'Show how full the quotas of a registry are, or those that hold for a repository',
  flags: flagTable({
    ...registryFlags,
    bytes: { kind: 'bool', short: 'b', help: 'Exact numbers of bytes' },
    json: { kind: 'bool', help: 'One JSON object a line' },
  }),
  args: [0, 1],
  async run(cli, { flags, args: [repository] }) {
    const registry = await registryCalls(cli, flags);
    const { quotas } = await registry.json<{ readonly quotas: readonly Quota[] }>({
      method: 'GET',
      path: '/quotas',
      query: { repository },
    });
    if (flags.json) {
      for (const quota of quotas) cli.out(`${JSON.stringify(quota)}\n`);
      return 0;
    }
    const size = flags.bytes ? String : binarySize;
    const rows = quotas.map((quota) =>
      [
        quota.repositories,
        quota.scope ?? '(together)',
        size(quota.used),
        size(quota.limit),
        percent(quota),
      ].join('\t'),
    );
    cli.out(`${alignColumns(['REPOSITORIES\tFOR\tUSED\tLIMIT\tFULL', ...rows].join('\n'))}\n`);
    return 0;
  },
});
