import { openDatabase } from '#database';
import { createAccounting } from './accounting.ts';
import { createAccounts } from './accounts.ts';
import { createCollection } from './collection.ts';
import { createCatalog } from './catalog.ts';
import { createContentCache } from './content-cache.ts';
import { createContentGuards } from './content-guards.ts';
import { createContentReads } from './content-reads.ts';
import { createContentWrites } from './content-writes.ts';
import { createDeliveries } from './deliveries.ts';
import { createJournal } from './journal.ts';
import { registryMigrations } from './migrations.ts';
import { createPolicies } from './policies.ts';
import { makePrivate } from './private-file.ts';
import { createPulls } from './pulls.ts';
import { createScrub } from './scrub.ts';
import { createBackupStore } from './backup-store.ts';
import { createUpstreamRecords } from './upstream-records.ts';
import { createQuotas } from './quotas.ts';
import { createTagHistory } from './tag-history.ts';
import type { MetadataStore } from './types.ts';

/** Given up when a removal meets a full disk, so that it can be written down. */
const RESERVE_BYTES = 1024 * 1024;

/**
 * Metadata in a SQLite database, made where it is absent.
 *
 * @throws `corrupt` when the file is no database, `failed-precondition` when a newer version wrote it
 */
export const openMetadata = async (path: string): Promise<MetadataStore & AsyncDisposable> => {
  await makePrivate(path);
  const opened = await openDatabase({
    path,
    migrations: registryMigrations,
    reserveBytes: RESERVE_BYTES,
  });
  // All that writes goes through it, so that nothing that is remembered is ever out of date.
  const cache = createContentCache(opened);
  const { database } = cache;
  const journal = createJournal(database);
  const quotas = createQuotas(database);
  const policies = createPolicies(quotas);
  const guards = createContentGuards(database, policies, quotas);
  return {
    contents: {
      ...cache.cached(createContentReads(database)),
      ...createContentWrites(database, journal, guards),
    },
    journal,
    deliveries: createDeliveries(database),
    tagHistory: createTagHistory(database, journal, guards),
    accounting: createAccounting(database),
    policies,
    accounts: createAccounts(database, journal),
    collection: createCollection(database, journal),
    pulls: createPulls(database),
    scrub: createScrub(database, journal),
    upstreamRecords: createUpstreamRecords(database),
    backups: createBackupStore(database),
    catalog: createCatalog(database, journal),
    [Symbol.asyncDispose]: () => database[Symbol.asyncDispose](),
  };
};
