import { formatRows, goTime, humanSize, shortId, type Row } from '#console';
import type { QueryValue } from '#client';
import { humanDuration } from '#units';
import type { Cli } from './context.ts';
import type { RegistryCalls } from './registry-call.ts';

/** A list that comes in pages: `next` is the `last` of the next page. */
interface PageAnswer {
  readonly next?: string | undefined;
}

const PAGE = '1000';

/** Every entry of a list, page by page. */
export async function* allPages<T>(
  registry: RegistryCalls,
  request: { readonly path: string; readonly member: string; readonly query?: Record<string, QueryValue> },
): AsyncGenerator<T> {
  for (let last: string | undefined = ''; last !== undefined;) {
    const answer: PageAnswer & Readonly<Record<string, unknown>> = await registry.json({
      method: 'GET',
      path: request.path,
      query: { ...request.query, n: PAGE, last: last === '' ? undefined : last },
    });
    yield* answer[request.member] as readonly T[];
    last = answer.next;
  }
}

/** How a list is to be shown. */
export interface Listing {
  readonly rows: readonly Row[];
  readonly format: string | undefined;
  /** The table of `table` and of no format. */
  readonly table: string;
  readonly headings: Readonly<Record<string, string>>;
}

/** Writes a list as docker's `--format` asks. */
export const showList = (cli: Cli, { rows, format, table, headings }: Listing): void => {
  const chosen = format === undefined || format === 'table' ? table : format;
  cli.out(formatRows(rows, { format: chosen, headings, terminal: cli.stdout.isTTY }));
};

/** A manifest as the registry lists it. */
export interface ManifestEntry {
  readonly digest: string;
  readonly mediaType: string;
  readonly artifactType?: string;
  readonly kind?: string;
  readonly size: number;
  readonly bytes: number;
  readonly subject?: string;
  readonly pushedMs: number;
  readonly platforms: readonly {
    readonly os: string;
    readonly architecture: string;
    readonly variant?: string;
  }[];
  readonly tags: readonly string[];
  readonly parents: readonly string[];
  readonly referrers: number;
}

/** How long ago that was, in docker's words. */
export const ageOf = (ms: number): string => `${humanDuration(Date.now() - ms)} ago`;

const platformText = ({ os, architecture, variant }: ManifestEntry['platforms'][number]): string =>
  [os, architecture, variant].filter((part) => part !== undefined && part !== '').join('/');

/** What a manifest hangs on: its tags, the index it is in, what it refers to. */
const relationText = ({ tags, parents, subject }: ManifestEntry): string =>
  [
    ...tags,
    ...parents.map((parent) => `in ${shortId(parent)}`),
    ...(subject === undefined ? [] : [`for ${shortId(subject)}`]),
  ].join(', ') || '<untagged>';

/** The fields of a manifest in lists. */
export const manifestRow = (entry: ManifestEntry, noTrunc: boolean): Row => ({
  Digest: noTrunc ? entry.digest : shortId(entry.digest),
  Kind: entry.kind ?? '',
  MediaType: entry.mediaType,
  ArtifactType: entry.kind === 'image' ? '' : (entry.artifactType ?? ''),
  Platforms: entry.platforms.map(platformText).join(', '),
  Size: humanSize(entry.bytes + entry.size),
  Bytes: entry.bytes + entry.size,
  Pushed: ageOf(entry.pushedMs),
  PushedAt: goTime(entry.pushedMs / 1000),
  Relation: relationText(entry),
  Tags: entry.tags.join(', '),
  Referrers: entry.referrers,
});

/** The path of a repository in the registry's own interface. */
export const repositoryPath = (repository: string): string =>
  `/repositories/${encodeURIComponent(repository)}`;
