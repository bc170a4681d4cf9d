import { binarySize } from '#console';
import type { Cli } from './context.ts';
import type { RegistryCalls } from './registry-call.ts';
import { registryLines } from './registry-lines.ts';

interface Totals {
  readonly repositories: number;
  readonly tags: number;
  readonly manifests: number;
  readonly blobs: number;
  readonly bytes: number;
  readonly present: number;
  readonly warnings: number;
  readonly failures: number;
}

interface TransferLine {
  readonly kind?: string;
  readonly repository?: string;
  readonly tag?: string;
  readonly digest?: string;
  readonly state?: string;
  readonly message?: string;
  readonly totals?: Totals;
}

const TAG_WORDS: Readonly<Record<string, string>> = {
  set: 'set to',
  kept: 'left alone: it points elsewhere here, not to',
  removed: 'removed, it pointed to',
};

const textOf = (line: TransferLine, verbose: boolean): string | undefined => {
  const { kind, repository = '', tag = '', digest = '', state = '', message = '' } = line;
  if (kind === 'repository') return repository;
  if (kind === 'tag')
    return state === 'present' && !verbose
      ? undefined
      : `  ${tag} ${TAG_WORDS[state] ?? 'points already to'} ${digest}`;
  return kind === 'warning' ? `  warning: ${message}` : undefined;
};

const summary = (totals: Totals): string =>
  `${totals.repositories} repositories: ${totals.tags} tags set, ${totals.manifests} manifests and ${totals.blobs} blobs ` +
  `(${binarySize(totals.bytes)}) brought, ${totals.present} were here\n`;

export interface TransferFlags {
  readonly json: boolean;
  readonly verbose: boolean;
}

/** Shows how a mirroring or an import goes; exit code 1 when a part of it failed. */
export const showTransfer = async (
  cli: Cli,
  registry: RegistryCalls,
  { path, body, flags }: { readonly path: string; readonly body: object; readonly flags: TransferFlags },
): Promise<number> => {
  let failures = 0;
  for await (const line of registryLines<TransferLine>(cli, registry, { method: 'POST', path, body })) {
    if (line.kind === 'failure') failures += 1;
    if (flags.json) cli.out(`${JSON.stringify(line)}\n`);
    else if (line.kind === 'failure') cli.stderr.write(`${line.repository}: ${line.message}\n`);
    else if (line.kind === 'done' && line.totals !== undefined) cli.out(summary(line.totals));
    else {
      const text = textOf(line, flags.verbose);
      if (text !== undefined) cli.out(`${text}\n`);
    }
  }
  return failures === 0 ? 0 : 1;
};

interface BackupLine {
  readonly kind?: string;
  readonly id?: string;
  readonly blobs?: number;
  readonly bytes?: number;
  readonly present?: number;
  readonly heldUntilMs?: number;
}

/** What a line of a backup or a restoration says. */
export const backupText = (line: BackupLine, done: string): string | undefined => {
  const { kind, id = '', blobs = 0, bytes = 0, present = 0, heldUntilMs } = line;
  if (kind === 'snapshot') return `backup ${id}: ${blobs} blobs, ${binarySize(bytes)}\n`;
  if (kind !== 'done') return undefined;
  if (heldUntilMs === undefined)
    return `${done} ${blobs} blobs, ${binarySize(bytes)}; ${present} were there\n`;
  return `nothing of it is removed before ${new Date(heldUntilMs).toISOString()}\n`;
};
