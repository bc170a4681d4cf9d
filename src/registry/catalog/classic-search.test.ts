import type { CatalogStore, RepositoryCard } from '#metadata';
import { expect, test, vi } from 'vitest';
import { startWireRegistry } from '../registry/testing.ts';
import { classicSearch } from './classic-search.ts';

const nameOf = (index: number): string => `r${String(index).padStart(5, '0')}`;

/** So many repositories; only `repositoryCards` is there. */
const catalogOf = (count: number, special: Readonly<Record<string, Partial<RepositoryCard>>> = {}) => {
  const cards = Array.from({ length: count }, (_, index): RepositoryCard => {
    const name = nameOf(index);
    return { name, description: undefined, stars: 0, ...special[name] };
  });
  const repositoryCards = vi.fn<CatalogStore['repositoryCards']>(({ after, limit }) =>
    cards.filter(({ name }) => name > after).slice(0, limit),
  );
  return { catalog: { repositoryCards } as unknown as CatalogStore, repositoryCards };
};

const { signal } = new AbortController();
const mayPull = (name: string): boolean => name !== nameOf(2400);

test('everything is looked at, the exact name first, then stars, then names', async () => {
  const { catalog, repositoryCards } = catalogOf(2500, {
    [nameOf(7)]: { description: 'An ORANGE' },
    [nameOf(1500)]: { description: 'oranges', stars: 2 },
    [nameOf(2400)]: { description: 'secret orange', stars: 9 },
    [nameOf(2499)]: { description: 'more oranges', stars: 2 },
  });
  const found = await classicSearch({ catalog }, { query: 'Orange', limit: 2, mayPull, signal });
  expect(found.results.map(({ name }) => name)).toEqual([nameOf(1500), nameOf(2499)]);
  expect(repositoryCards).toHaveBeenCalledTimes(3);
  const exact = await classicSearch({ catalog }, { query: nameOf(2498), limit: 25, mayPull, signal });
  expect(exact.results.map(({ name }) => name)).toEqual([nameOf(2498)]);
});

test('others get their turn between pages, and a client that went ends it', async () => {
  const { catalog, repositoryCards } = catalogOf(2500);
  const client = new AbortController();
  const searching = classicSearch({ catalog }, { query: '', limit: 5, mayPull, signal: client.signal });
  expect(repositoryCards).toHaveBeenCalledTimes(1);
  client.abort();
  await expect(searching).rejects.toMatchObject({ name: 'AbortError' });
  expect(repositoryCards).toHaveBeenCalledTimes(1);
});

test('nothing is counted that no answer shows', async () => {
  await using wire = await startWireRegistry();
  const counted = vi.spyOn(wire.storage.metadata.catalog, 'repositories');
  const answer = await wire.call('GET', '/v1/search?q=x');
  expect(answer.json).toMatchObject({ num_results: 0 });
  expect(counted).not.toHaveBeenCalled();
});
