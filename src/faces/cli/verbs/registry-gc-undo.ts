import { flagTable } from '#console';
import { defineCommand } from '../command.ts';
import { registryCalls, registryFlags } from '../registry-call.ts';
import { countsText } from '../registry-lines.ts';

interface Undone {
  readonly manifests: number;
  readonly tags: number;
  readonly links: number;
  readonly left: readonly { readonly repository: string; readonly tag: string; readonly digest: string }[];
}

export const command = defineCommand({
  name: 'registry gc undo',
  operands: '[OPTIONS] REMOVAL',
  summary: 'Bring back what a removal took: a collection, the rules of retention, or the delete of a client',
  flags: flagTable({ ...registryFlags, json: { kind: 'bool', help: 'One JSON object' } }),
  args: [1, 1],
  async run(cli, { flags, args: [id = ''] }) {
    const registry = await registryCalls(cli, flags);
    const undone = await registry.json<Undone>({
      method: 'POST',
      path: `/gc/removals/${encodeURIComponent(id)}/undo`,
    });
    if (flags.json) cli.out(`${JSON.stringify(undone)}\n`);
    else {
      const { tags, manifests, links } = undone;
      cli.out(`brought back ${countsText({ tags, manifests, blobs: links })}\n`);
      for (const { repository, tag, digest } of undone.left)
        cli.out(`left ${repository}:${tag}, which points elsewhere by now; it was ${digest}\n`);
    }
    return 0;
  },
});
