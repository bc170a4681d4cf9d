import { flagTable } from '#console';
import { defineCommand } from '../command.ts';
import { registryCalls, registryFlags } from '../registry-call.ts';
import { ageOf, showList } from '../registry-catalog.ts';

interface Status {
  readonly name: string;
  readonly url: string;
  readonly behind: number;
  readonly attempts: number;
  readonly lastError?: string;
  readonly lastSuccessMs?: number;
  readonly delivered: number;
  readonly deadLetters: number;
}

const HEADINGS = {
  Name: 'NAME',
  Url: 'URL',
  Delivered: 'DELIVERED',
  Behind: 'BEHIND',
  Attempts: 'FAILED ATTEMPTS',
  DeadLetters: 'DEAD LETTERS',
  LastSuccess: 'LAST SUCCESS',
  LastError: 'LAST ERROR',
};

const rowOf = (status: Status) => ({
  Name: status.name,
  Url: status.url,
  Delivered: String(status.delivered),
  Behind: String(status.behind),
  Attempts: String(status.attempts),
  DeadLetters: String(status.deadLetters),
  LastSuccess: status.lastSuccessMs === undefined ? 'never' : ageOf(status.lastSuccessMs),
  LastError: status.lastError ?? '',
});

export const command = defineCommand({
  name: 'registry webhook ls',
  operands: '[OPTIONS]',
  summary: 'List webhooks and how they do',
  flags: flagTable({
    ...registryFlags,
    format: { kind: 'string', help: "Format output: 'table', 'table TEMPLATE', 'json' or a Go template" },
  }),
  args: [0, 0],
  async run(cli, { flags }) {
    const registry = await registryCalls(cli, flags);
    const { webhooks } = await registry.json<{ readonly webhooks: readonly Status[] }>({
      method: 'GET',
      path: '/webhooks',
    });
    const names = [
      'Name',
      'Url',
      'Delivered',
      'Behind',
      'Attempts',
      'DeadLetters',
      'LastSuccess',
      'LastError',
    ];
    const table = `table ${names.map((name) => `{{.${name}}}`).join('\t')}`;
    showList(cli, { rows: webhooks.map(rowOf), format: flags.format, table, headings: HEADINGS });
    return 0;
  },
});
