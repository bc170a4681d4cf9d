import type { Database } from '#database';
import { createCatalogFacts } from './catalog-facts.ts';
import { createCatalogListings } from './catalog-listings.ts';
import { createCatalogSearch } from './catalog-search.ts';
import type { CatalogStore } from './catalog-types.ts';
import { createDocumentation } from './documentation.ts';
import type { JournalWriter } from './journal.ts';

/** Listings, search and documentation in an open database that has this room's migrations. */
export const createCatalog = (database: Database, journal: JournalWriter): CatalogStore => ({
  ...createCatalogFacts(database),
  ...createCatalogListings(database),
  ...createCatalogSearch(database),
  ...createDocumentation(database, journal),
});
