import type { Database } from '#database';
import { createCollectionReads } from './collection-reads.ts';
import type { CollectionStore } from './collection-types.ts';
import { createCollectionWrites } from './collection-writes.ts';
import type { JournalWriter } from './journal.ts';
import { createPurgeWrites } from './purge-writes.ts';
import { createUndoWrites } from './undo-writes.ts';

/** Removing in bulk, with undo, in an open database. */
export const createCollection = (database: Database, journal: JournalWriter): CollectionStore => ({
  ...createCollectionReads(database),
  ...createCollectionWrites(database, journal),
  ...createUndoWrites(database, journal),
  ...createPurgeWrites(database),
});
