import { setImmediate as breathe } from 'node:timers/promises';
import type { MetadataStore, RepositoryCard } from '#metadata';

/** The answer of `GET /v1/search`, as `docker search` and `podman search` read it. */
export interface ClassicSearchAnswer {
  readonly num_results: number;
  readonly query: string;
  readonly results: readonly {
    readonly name: string;
    readonly description: string;
    readonly star_count: number;
    readonly is_official: boolean;
    readonly is_automated: boolean;
  }[];
}

export interface ClassicSearch {
  readonly query: string;
  /** Most results; clients ask for 25 and accept no more than 100. */
  readonly limit: number;
  readonly mayPull: (repository: string) => boolean;
  /** Of the request: nobody searches on for a client that went. */
  readonly signal: AbortSignal;
}

/** Repositories that are looked at before others get their turn. */
const PAGE = 1000;

/** The exact name first, then what most people star, then by name. */
const compare =
  (query: string) =>
  (a: RepositoryCard, b: RepositoryCard): number =>
    Number(b.name === query) - Number(a.name === query) || b.stars - a.stars || (a.name < b.name ? -1 : 1);

const hasText = ({ name, description = '' }: RepositoryCard, text: string): boolean =>
  name.includes(text) || description.toLowerCase().includes(text);

/**
 * Searches names and descriptions for `docker search HOST/TERM`, with pauses in which others are served.
 *
 * @throws the signal's reason
 */
export const classicSearch = async (
  { catalog }: Pick<MetadataStore, 'catalog'>,
  { query, limit, mayPull, signal }: ClassicSearch,
): Promise<ClassicSearchAnswer> => {
  const text = query.toLowerCase();
  let found: readonly RepositoryCard[] = [];
  for (let after: string | undefined = ''; after !== undefined;) {
    const page: readonly RepositoryCard[] = catalog.repositoryCards({ after, limit: PAGE });
    const fitting = page.filter((card) => hasText(card, text) && mayPull(card.name));
    if (fitting.length > 0) found = [...found, ...fitting].toSorted(compare(query)).slice(0, limit);
    after = page.length < PAGE ? undefined : page.at(-1)?.name;
    if (after !== undefined) await breathe(undefined, { signal });
  }
  return {
    num_results: found.length,
    query,
    results: found.map(({ name, description = '', stars }) => ({
      name,
      description,
      star_count: stars,
      is_official: false,
      is_automated: false,
    })),
  };
};
