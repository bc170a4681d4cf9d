import type { Keeping } from '#keeping';
import type { OpenStorage } from '#registry';
import type { Family } from './exposition.ts';
import { freeBytes } from './health.ts';

const one = (name: string, help: string, value: number, type: Family['type'] = 'gauge'): Family => ({
  name: `lade_registry_${name}`,
  help,
  type,
  samples: [{ value }],
});

/** What is stored. */
export const storageFamilies = async ({ path, metadata }: OpenStorage): Promise<readonly Family[]> => {
  const { repositories, total } = metadata.accounting.registry();
  return [
    one('repositories', 'Repositories that hold something.', repositories),
    one('stored_bytes', 'Bytes of blobs and manifests, each counted once.', total),
    one('disk_free_bytes', 'Free bytes of the disk with the registry.', await freeBytes(path)),
    one(
      'journal_entries_total',
      'Entries ever written into the journal.',
      metadata.journal.lastId(),
      'counter',
    ),
  ];
};

/** How the garbage collection does. */
export const collectionFamilies = async (keeping: Keeping): Promise<readonly Family[]> => {
  const { blobs, bytes } = await keeping.held();
  return [
    one(
      'gc_last_start_timestamp_seconds',
      'When garbage was last collected; 0 for never.',
      keeping.lastCollectionMs() / 1000,
    ),
    one('gc_held_blobs', 'Blobs that are removed and can be brought back.', blobs),
    one('gc_held_bytes', 'Bytes of these.', bytes),
  ];
};
