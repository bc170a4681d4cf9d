import { flagTable } from '#console';
import { defineCommand } from '../command.ts';
import { registryCalls, registryFlags } from '../registry-call.ts';

interface ChainReport {
  readonly entries: number;
  readonly head: { readonly id: number; readonly hash: string };
  readonly noted?: number;
  readonly faults: readonly {
    readonly id?: number;
    readonly repository?: string;
    readonly tag?: string;
    readonly problem: string;
  }[];
}

export const command = defineCommand({
  name: 'registry verify-history',
  operands: '[OPTIONS]',
  summary: 'Prove that the history of tags was not changed',
  flags: flagTable({
    ...registryFlags,
    head: {
      kind: 'string',
      help: 'A hash printed by an earlier verification: finds a history that was cut short or written anew',
    },
    json: { kind: 'bool', help: 'The report as one JSON object' },
  }),
  args: [0, 0],
  async run(cli, { flags }) {
    const registry = await registryCalls(cli, flags);
    const report = await registry.json<ChainReport>({
      method: 'GET',
      path: '/tag-history/verification',
      query: { head: flags.head },
    });
    const { entries, head, noted, faults } = report;
    if (flags.json) cli.out(`${JSON.stringify(report)}\n`);
    else {
      for (const { id, repository, tag, problem } of faults) {
        const place = id === undefined ? '' : `entry ${id} `;
        cli.out(`${place}${repository === undefined ? '' : `(${repository}:${String(tag)}) `}${problem}\n`);
      }
      if (noted !== undefined) cli.out(`the noted hash is that of entry ${noted}\n`);
      cli.out(`${entries} entries, ${faults.length === 0 ? 'whole' : `${faults.length} faults`}\n`);
      cli.out(`head ${head.hash}\n`);
    }
    return faults.length === 0 ? 0 : 1;
  },
});
