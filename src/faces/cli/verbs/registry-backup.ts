import { resolve } from 'node:path';
import { flagTable } from '#console';
import { parseDuration } from '#units';
import { defineCommand } from '../command.ts';
import { cliErrors } from '../errors.ts';
import { registryCalls, registryFlags } from '../registry-call.ts';
import { registryLines } from '../registry-lines.ts';
import { backupText } from '../registry-transfer.ts';

const NANOSECONDS_PER_MS = 1e6;

const millisecondsOf = (text: string | undefined): number | undefined => {
  if (text === undefined) return undefined;
  const nanoseconds = parseDuration(text);
  if (nanoseconds !== undefined && nanoseconds > 0) return Math.ceil(nanoseconds / NANOSECONDS_PER_MS);
  throw cliErrors.argumentInvalid({ problem: `--hold ${text} is no duration`, advice: 'write 12h or 30m' });
};

export const command = defineCommand({
  name: 'registry backup',
  operands: '[OPTIONS] DIR',
  summary: 'Back a registry up while it serves; a second backup into the same folder copies what is new',
  flags: flagTable({
    ...registryFlags,
    hold: { kind: 'string', help: 'With --list: how long nothing that is listed is removed (default 24h)' },
    json: { kind: 'bool', help: 'One JSON object a line' },
    list: {
      kind: 'bool',
      help: 'Write metadata and blobs.list only; the files are copied by something else (rsync --files-from)',
    },
    release: { kind: 'string', help: 'Give up the hold of this backup: everything of it is copied' },
  }),
  args: [0, 1],
  async run(cli, { flags, args: [folder] }) {
    const registry = await registryCalls(cli, flags);
    if (flags.release !== undefined) {
      const path = `/backups/holds/${encodeURIComponent(flags.release)}`;
      const { released } = await registry.json<{ readonly released: boolean }>({ method: 'DELETE', path });
      cli.out(released ? `${flags.release}\n` : 'there is no such hold\n');
      return released ? 0 : 1;
    }
    if (folder === undefined)
      throw cliErrors.argumentInvalid({
        problem: 'no folder is named',
        advice: 'write `lade registry backup DIR`',
      });
    const body = { path: resolve(folder), listOnly: flags.list, holdMs: millisecondsOf(flags.hold) };
    const request = { method: 'POST', path: '/backups', body } as const;
    for await (const line of registryLines<{ readonly kind?: string }>(cli, registry, request))
      cli.out(flags.json ? `${JSON.stringify(line)}\n` : (backupText(line, 'copied') ?? ''));
    return 0;
  },
});
