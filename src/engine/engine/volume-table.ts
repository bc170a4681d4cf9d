import { mkdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Database } from '#database';
import { nowText } from './time.ts';

export interface VolumeRecord {
  readonly name: string;
  /** RFC 3339. */
  readonly created: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly options: Readonly<Record<string, string>>;
  readonly anonymous: boolean;
}

export interface VolumeTable {
  get(name: string): VolumeRecord | undefined;
  list(): readonly VolumeRecord[];
  /** Directory of the volume's content. */
  dataPath(name: string): string;
  /** Idempotent: the volume that is there is returned. */
  create(
    volume: Omit<VolumeRecord, 'created'>,
  ): Promise<{ readonly volume: VolumeRecord; readonly isNew: boolean }>;
  /** Deletes the volume with its content. */
  remove(name: string): Promise<void>;
}

/** Volumes of one root: records in the database, data in `volumes/NAME/_data`. */
export const openVolumeTable = (root: {
  readonly path: string;
  readonly database: Database;
}): VolumeTable => {
  const { database } = root;
  const volumes = new Map(
    database
      .all<{ record: string }>('SELECT record FROM engine_volumes')
      .map((row) => JSON.parse(row.record) as VolumeRecord)
      .map((volume) => [volume.name, volume]),
  );
  const directory = (name: string): string => join(root.path, 'volumes', name);
  return {
    get: (name) => volumes.get(name),
    list: () => [...volumes.values()],
    dataPath: (name) => join(directory(name), '_data'),
    async create(wanted) {
      const present = volumes.get(wanted.name);
      if (present !== undefined) return { volume: present, isNew: false };
      const volume = { ...wanted, created: nowText() };
      volumes.set(volume.name, volume);
      mkdirSync(join(directory(volume.name), '_data'), { recursive: true });
      await database.write([
        {
          sql: 'INSERT INTO engine_volumes (name, record) VALUES (?, ?)',
          params: [volume.name, JSON.stringify(volume)],
        },
      ]);
      return { volume, isNew: true };
    },
    async remove(name) {
      volumes.delete(name);
      await database.write([{ sql: 'DELETE FROM engine_volumes WHERE name = ?', params: [name] }]);
      await rm(directory(name), { recursive: true, force: true });
    },
  };
};
