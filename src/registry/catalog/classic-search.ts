import type { MetadataStore, RepositorySummary } from '#metadata';

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
}

/** Repositories that are looked at: more would keep everybody else waiting. */
const MOST_SEEN = 10_000;

/** The exact name first, then what most people star, then by name. */
const compare =
  (query: string) =>
  (a: RepositorySummary, b: RepositorySummary): number =>
    Number(b.name === query) - Number(a.name === query) || b.stars - a.stars || (a.name < b.name ? -1 : 1);

/** Searches names and descriptions for `docker search HOST/TERM`. */
export const classicSearch = (
  { catalog }: Pick<MetadataStore, 'catalog'>,
  { query, limit, mayPull }: ClassicSearch,
): ClassicSearchAnswer => {
  const found = catalog
    .repositories({ after: '', limit: MOST_SEEN }, query)
    .filter(({ name }) => mayPull(name))
    .toSorted(compare(query))
    .slice(0, limit);
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
