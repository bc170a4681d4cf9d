import { flagTable } from '#console';
import { defineCommand } from '../command.ts';
import { registryCalls, registryFlags } from '../registry-call.ts';

/** What of an entry is shown. */
interface AuditEntry {
  readonly atMs: number;
  readonly action: string;
  readonly outcome: string;
  readonly repository?: string;
  readonly tag?: string;
  readonly digest?: string;
  readonly reason?: string;
  readonly cause: { readonly actor: string; readonly address?: string };
}

const nameOf = ({ repository = '', tag, digest }: AuditEntry): string => {
  if (tag !== undefined) return `${repository}:${tag}`;
  return digest === undefined ? repository : `${repository}@${digest}`;
};

const lineOf = (entry: AuditEntry): string =>
  [
    new Date(entry.atMs).toISOString(),
    entry.outcome,
    entry.action,
    nameOf(entry),
    entry.cause.actor,
    entry.cause.address ?? '',
    entry.reason ?? '',
  ]
    .join('\t')
    .trimEnd();

export const command = defineCommand({
  name: 'registry audit',
  operands: '[OPTIONS]',
  summary: "Show a registry's log of writes and refusals",
  flags: flagTable({
    ...registryFlags,
    json: { kind: 'bool', help: 'One JSON object a line' },
    limit: { kind: 'string', help: 'Number of entries, newest first (default 100)' },
    refused: { kind: 'bool', help: 'Only what was refused' },
    repository: { kind: 'string', help: 'Only entries of this repository' },
  }),
  args: [0, 0],
  async run(cli, { flags }) {
    const registry = await registryCalls(cli, flags);
    const { entries } = await registry.json<{ readonly entries: readonly AuditEntry[] }>({
      method: 'GET',
      path: '/audit',
      query: {
        limit: flags.limit,
        repository: flags.repository,
        outcome: flags.refused ? 'refused' : undefined,
      },
    });
    for (const entry of entries) cli.out(`${flags.json ? JSON.stringify(entry) : lineOf(entry)}\n`);
    return 0;
  },
});
