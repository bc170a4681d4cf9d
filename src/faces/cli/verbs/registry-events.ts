import { flagTable } from '#console';
import { defineCommand } from '../command.ts';
import { registryCalls, registryFlags } from '../registry-call.ts';

/** What of an event is shown. */
interface ShownEvent {
  readonly cursor: number;
  readonly timestamp: string;
  readonly action: string;
  readonly target: { readonly repository?: string; readonly tag?: string; readonly digest?: string };
  readonly actor: { readonly name?: string };
  readonly request: { readonly addr?: string };
}

const lineOf = ({ cursor, timestamp, action, target, actor, request }: ShownEvent): string => {
  const { repository = '', tag, digest = '' } = target;
  const name = tag === undefined ? `${repository}@${digest}` : `${repository}:${tag}`;
  return [cursor, timestamp, action, name, actor.name ?? 'anonymous', request.addr ?? '']
    .join('\t')
    .trimEnd();
};

export const command = defineCommand({
  name: 'registry events',
  operands: '[OPTIONS]',
  summary: 'Follow what happens in a registry, as far as the caller may pull',
  flags: flagTable({
    ...registryFlags,
    json: { kind: 'bool', help: 'One JSON object a line: the event, and its cursor' },
    'no-follow': { kind: 'bool', help: 'End after what has happened until now' },
    since: { kind: 'string', help: 'Begin after the event with this cursor (0 for all that is kept)' },
  }),
  args: [0, 0],
  async run(cli, { flags }) {
    const registry = await registryCalls(cli, flags);
    const events = registry.lines<ShownEvent>({
      method: 'GET',
      path: '/events',
      query: { since: flags.since, follow: flags['no-follow'] ? 'false' : undefined },
    });
    for await (const event of events) cli.out(`${flags.json ? JSON.stringify(event) : lineOf(event)}\n`);
    return 0;
  },
});
