import { flagTable } from '#console';
import { openCredentials } from '#client';
import { defineCommand } from '../command.ts';
import { registryCalls, registryFlags } from '../registry-call.ts';
import { showTransfer } from '../registry-transfer.ts';

/** Host of a source, as credentials are kept for it. */
const hostOf = (source: string): string => source.replace(/^https?:\/\//, '').split('/')[0] ?? '';

export const command = defineCommand({
  name: 'registry mirror',
  operands: '[OPTIONS] HOST[/REPOSITORY]',
  summary: 'Copy repositories of another registry, with signatures; a second run brings what is new',
  flags: flagTable({
    ...registryFlags,
    'allow-private': {
      kind: 'list',
      help: 'HOST[:PORT], address or range that may be reached although it is not public',
    },
    delete: { kind: 'bool', help: 'Remove tags here that the source does not have' },
    insecure: { kind: 'bool', help: 'Accept any certificate of the source' },
    json: { kind: 'bool', help: 'One JSON object a line' },
    'no-referrers': { kind: 'bool', help: 'Leave out signatures and whatever else refers to the images' },
    repository: {
      kind: 'list',
      help: 'Only repositories that match (team/*, team/**); all in its catalog otherwise',
    },
    tags: { kind: 'list', help: 'Only tags that match (v1.*)' },
    to: { kind: 'string', help: 'Goes before the names of the repositories here' },
    verbose: { kind: 'bool', help: 'Also show tags that were here already' },
  }),
  args: [1, 1],
  async run(cli, { flags, args: [source = ''] }) {
    const registry = await registryCalls(cli, flags);
    const login = await openCredentials(cli.configFolder).get(hostOf(source));
    const allow = flags['allow-private'];
    return showTransfer(cli, registry, {
      path: '/mirrors',
      flags,
      body: {
        source,
        to: flags.to,
        repositories: flags.repository.length === 0 ? undefined : flags.repository,
        tags: flags.tags,
        referrers: !flags['no-referrers'],
        remove: flags.delete,
        insecure: flags.insecure,
        allow: allow.length === 0 ? undefined : allow,
        username: login?.username,
        password: login?.username === undefined ? undefined : login.password,
      },
    });
  },
});
