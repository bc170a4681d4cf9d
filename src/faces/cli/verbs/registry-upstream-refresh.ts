import { flagTable } from '#console';
import { defineCommand } from '../command.ts';
import { registryCalls, registryFlags } from '../registry-call.ts';
import { registryLines } from '../registry-lines.ts';
import { parseRepositoryTag } from '../registry-names.ts';

interface Refreshed {
  readonly tag: string;
  readonly before?: string;
  readonly after?: string;
  readonly stale?: string;
}

const textOf = ({ tag, before = 'nothing', after = 'nothing', stale }: Refreshed): string => {
  if (stale !== undefined) return `${tag} stays at ${after}: ${stale}`;
  return before === after ? `${tag} is still ${after}` : `${tag} moved from ${before} to ${after}`;
};

export const command = defineCommand({
  name: 'registry upstream refresh',
  operands: '[OPTIONS] REPOSITORY[:TAG]',
  summary: 'Ask an upstream again for a tag, or for every tag that is kept of a repository',
  flags: flagTable({ ...registryFlags, json: { kind: 'bool', help: 'One JSON object a line' } }),
  args: [1, 1],
  async run(cli, { flags, args: [name = ''] }) {
    const registry = await registryCalls(cli, flags);
    const request = { method: 'POST', path: '/upstreams/refresh', body: parseRepositoryTag(name) } as const;
    let stale = 0;
    for await (const line of registryLines<Refreshed>(cli, registry, request)) {
      if (line.stale !== undefined) stale += 1;
      cli.out(`${flags.json ? JSON.stringify(line) : textOf(line)}\n`);
    }
    return stale === 0 ? 0 : 1;
  },
});
