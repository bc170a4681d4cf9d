import { flagTable } from '#console';
import { defineCommand } from '../command.ts';
import { registryCalls, registryFlags } from '../registry-call.ts';
import { ageOf, showList } from '../registry-catalog.ts';

interface Letter {
  readonly id: number;
  readonly endpoint: string;
  readonly attempts: number;
  readonly reason: string;
  readonly atMs: number;
  readonly entry: {
    readonly action: string;
    readonly repository?: string;
    readonly tag?: string;
    readonly digest?: string;
  };
}

const HEADINGS = {
  Id: 'ID',
  Webhook: 'WEBHOOK',
  Event: 'EVENT',
  Attempts: 'ATTEMPTS',
  GivenUp: 'GIVEN UP',
  Reason: 'REASON',
};

const rowOf = ({ id, endpoint, attempts, reason, atMs, entry }: Letter) => {
  const { action, repository = '', tag, digest = '' } = entry;
  return {
    Id: String(id),
    Webhook: endpoint,
    Event: `${action} ${tag === undefined ? `${repository}@${digest}` : `${repository}:${tag}`}`,
    Attempts: String(attempts),
    GivenUp: ageOf(atMs),
    Reason: reason,
  };
};

export const command = defineCommand({
  name: 'registry webhook deliveries',
  operands: '[OPTIONS] [NAME]',
  summary: 'List events that could not be delivered and were given up, oldest first',
  flags: flagTable({
    ...registryFlags,
    format: { kind: 'string', help: "Format output: 'table', 'table TEMPLATE', 'json' or a Go template" },
    limit: { kind: 'string', help: 'Number of events (default 100)' },
  }),
  args: [0, 1],
  async run(cli, { flags, args: [webhook] }) {
    const registry = await registryCalls(cli, flags);
    const { deadLetters } = await registry.json<{ readonly deadLetters: readonly Letter[] }>({
      method: 'GET',
      path: '/webhooks/deliveries',
      query: { webhook, limit: flags.limit },
    });
    const table = 'table {{.Id}}\t{{.Webhook}}\t{{.Event}}\t{{.Attempts}}\t{{.GivenUp}}\t{{.Reason}}';
    showList(cli, { rows: deadLetters.map(rowOf), format: flags.format, table, headings: HEADINGS });
    return 0;
  },
});
