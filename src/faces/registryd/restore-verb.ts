import { parseArgs } from 'node:util';
import { checkBackup } from '#upstreams';
import { restoreRegistry } from '#registry';
import { registrydErrors } from './errors.ts';

export const RESTORE_USAGE = `Usage: lade registry restore --root DIR BACKUP
       lade registry restore --verify BACKUP
       lade registry restore REPOSITORY:TAG

Make a registry's root of what \`lade registry backup\` wrote, or check that a backup is whole. Every blob is verified.
The root must be empty, or not there yet; after a crash the same command goes on. For tags, see
\`lade registry history\`.

Options:
      --root DIR  The root to be made
      --verify    Read every byte of the backup, and restore nothing
`;

const flags = {
  root: { type: 'string' },
  verify: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

const parsed = (argv: readonly string[]) => {
  try {
    return parseArgs({ args: [...argv], options: flags, strict: true, allowPositionals: true });
  } catch (error) {
    throw registrydErrors.usage({ reason: error instanceof Error ? error.message : String(error) }, error);
  }
};

/**
 * `lade registry restore` of a backup: what it prints at its end.
 *
 * @throws REGISTRYD_USAGE, UPSTREAMS_BACKUP_UNFINISHED, UPSTREAMS_BACKUP_DAMAGED, UPSTREAMS_ROOT_NOT_EMPTY
 */
export const runRestoreVerb = async (argv: readonly string[], signal: AbortSignal): Promise<string> => {
  const { values, positionals } = parsed(argv);
  if (values.help === true) return RESTORE_USAGE;
  const [folder, ...more] = positionals;
  if (folder === undefined || more.length > 0)
    throw registrydErrors.usage({ reason: 'name one backup: lade registry restore --root DIR BACKUP' });
  if (values.verify === true) {
    const { id, blobs, bytes } = await checkBackup(folder, { read: true, signal });
    return `backup ${id}: ${blobs} blobs, ${bytes} bytes: whole\n`;
  }
  if (values.root === undefined) throw registrydErrors.usage({ reason: '--root says where to restore' });
  let restored = '';
  await restoreRegistry(folder, values.root, {
    signal,
    emit: (event) => {
      if (event.kind === 'done')
        restored = `restored ${event.id}: ${event.blobs + event.present} blobs into ${values.root}\n`;
    },
  });
  return restored;
};
