import { flagTable } from '#console';
import { defineCommand } from '../command.ts';
import { cliErrors } from '../errors.ts';
import { registryCalls, registryFlags } from '../registry-call.ts';
import { parseRepositoryTag } from '../registry-names.ts';
import { toTimestamp } from '../timestamps.ts';

const MS = 1000;

export const command = defineCommand({
  name: 'registry restore',
  operands: '[OPTIONS] REPOSITORY:TAG',
  summary: 'Move a tag back to where it was, also one that was deleted',
  flags: flagTable({
    ...registryFlags,
    at: { kind: 'string', help: 'To where it pointed at that time (2026-01-31T12:00:00, or 2h ago as 2h)' },
    entry: { kind: 'string', help: 'To where it pointed after that entry of its history' },
  }),
  args: [1, 1],
  async run(cli, { flags, args: [name = ''] }) {
    const { repository, tag } = parseRepositoryTag(name);
    if (tag === undefined)
      throw cliErrors.argumentInvalid({ problem: `${name} names no tag`, advice: 'write REPOSITORY:TAG' });
    if (flags.at !== undefined && flags.entry !== undefined)
      throw cliErrors.optionsConflict({ problem: '--at and --entry', command: 'lade registry restore' });
    const at = toTimestamp(flags.at);
    const registry = await registryCalls(cli, flags);
    const { digest, moved } = await registry.json<{ readonly digest: string; readonly moved: boolean }>({
      method: 'POST',
      path: '/tag-history/restorations',
      body: {
        repository,
        tag,
        entry: flags.entry === undefined ? undefined : Number(flags.entry),
        at: at === undefined ? undefined : Math.trunc(Number(at) * MS),
      },
    });
    cli.out(`${name} ${moved ? 'points to' : 'points already to'} ${digest}\n`);
    return 0;
  },
});
