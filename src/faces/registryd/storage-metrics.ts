import type { OpenStorage } from '#registry';
import type { Family } from './exposition.ts';
import { freeBytes } from './health.ts';

const gauge = (name: string, help: string, value: number): Family => ({
  name,
  help,
  type: 'gauge',
  samples: [{ value }],
});

/** What is stored, and what is on the way. */
export const storageFamilies = async ({ path, metadata }: OpenStorage): Promise<readonly Family[]> => [
  gauge('lade_registry_disk_free_bytes', 'Free bytes of the disk with the registry.', await freeBytes(path)),
  {
    name: 'lade_registry_journal_entries_total',
    help: 'Entries ever written into the journal.',
    type: 'counter',
    samples: [{ value: metadata.journal.lastId() }],
  },
];
