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

export const printReclaimed = (cli: Cli, bytes: number): void =>
  cli.out(`Total reclaimed space: ${humanSize(bytes)}\n`);
