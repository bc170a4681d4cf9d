import type { PruneReport } from '#api';
import { humanSize, visible } from '#console';
import type { Cli } from './context.ts';

/** What a prune call answers, whatever it prunes. */
interface PruneAnswer {
  readonly ContainersDeleted?: readonly string[] | null;
  readonly VolumesDeleted?: readonly string[] | null;
  readonly NetworksDeleted?: readonly string[] | null;
  readonly CachesDeleted?: readonly string[] | null;
  readonly ImagesDeleted?: readonly { readonly Untagged?: string; readonly Deleted?: string }[] | null;
  readonly SpaceReclaimed?: number;
}

const section = (title: string, names: readonly string[] | null | undefined): string =>
  names === undefined || names === null || names.length === 0
    ? ''
    : `${title}:\n${names.map((name) => `${visible(name)}\n`).join('')}\n`;

const imageLines = (images: PruneAnswer['ImagesDeleted']): readonly string[] =>
  (images ?? []).map(({ Untagged, Deleted }) =>
    Deleted === undefined ? `untagged: ${Untagged ?? ''}` : `deleted: ${Deleted}`,
  );

/** One prune call; prints what went and returns the bytes that became free. */
export const prune = async (
  cli: Cli,
  path: string,
  query: Readonly<Record<string, string | undefined>>,
): Promise<number> => {
  const client = await cli.client();
  const answer = await client.json<PruneAnswer>({ method: 'POST', path, query, signal: cli.signal });
  cli.out(
    section('Deleted Containers', answer.ContainersDeleted) +
      section('Deleted Networks', answer.NetworksDeleted) +
      section('Deleted Volumes', answer.VolumesDeleted) +
      section('Deleted Images', imageLines(answer.ImagesDeleted)) +
      section('Deleted build cache objects', answer.CachesDeleted),
  );
  return answer.SpaceReclaimed ?? 0;
};

/** What went, and with `held` what is kept so that it can be undone. */
export const printFreed = (
  cli: Cli,
  { reclaimed, held }: { readonly reclaimed: number; readonly held: number },
): void => {
  printReclaimed(cli, reclaimed);
  if (held > 0)
    cli.out(
      `Held for undo: ${humanSize(held)} (lade undo brings it back; lade system prune --purge frees it)\n`,
    );
};

/** The sections of what was removed, in docker's words. */
export const removedSections = (report: PruneReport): string =>
  section('Deleted Containers', report.containers) +
  section('Deleted Networks', report.networks) +
  section('Deleted Volumes', report.volumes) +
  section(
    'Deleted Images',
    (report.removals ?? []).map((removal) =>
      'untagged' in removal ? `untagged: ${removal.untagged}` : `deleted: ${removal.deleted}`,
    ),
  );

/** What a prune would remove, and the bytes that it would free. */
export const estimateText = (report: PruneReport): string => {
  const cache = report.cacheRecords === 0 ? [] : [`${report.cacheRecords} records`];
  const lines = [
    section('Containers', report.containers),
    section('Networks', report.networks),
    section('Volumes', report.volumes),
    section('Images', report.images),
    section('Build cache', cache),
  ].join('');
  const freed = `Would free ${humanSize(report.reclaimed)} (${report.reclaimed} bytes)`;
  const kept =
    report.held === 0 ? '' : `, and hold ${humanSize(report.held)} (${report.held} bytes) for undo`;
  return `${lines}${freed}${kept}\n`;
};

export const printReclaimed = (cli: Cli, bytes: number): void =>
  cli.out(`Total reclaimed space: ${humanSize(bytes)}\n`);
