import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Database } from '#database';
import { withRoom } from './with-room.ts';
import { nowText } from './time.ts';

export interface VolumeRecord {
  readonly name: string;
  /** RFC 3339. */
  readonly created: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly options: Readonly<Record<string, string>>;
  readonly anonymous: boolean;
  /** ID of the container that it was made for and goes with; absent once it is to stay. */
  readonly madeFor?: string | undefined;
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
  /** A volume that was made for a container stays when that goes. Writes come in the order of the calls. */
  keep(name: string): Promise<void>;
  /** Deletes the volume with its content. */
  remove(name: string): Promise<void>;
  /** Deletes content that no record has: of a creation or removal that was cut off. */
  sweep(): Promise<void>;
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
    async keep(name) {
      const volume = volumes.get(name);
      if (volume?.madeFor === undefined) return;
      const { madeFor: _, ...kept } = volume;
      await database.write([
        { sql: 'UPDATE engine_volumes SET record = ? WHERE name = ?', params: [JSON.stringify(kept), name] },
      ]);
      volumes.set(name, kept);
    },
    async remove(name) {
      const statement = { sql: 'DELETE FROM engine_volumes WHERE name = ?', params: [name] };
      const removeContent = (): Promise<void> => rm(directory(name), { recursive: true, force: true });
      const volume = volumes.get(name);
      volumes.delete(name);
      try {
        await withRoom(() => database.write([statement]), removeContent);
      } catch (error) {
        if (volume !== undefined) volumes.set(name, volume);
        throw error;
      }
      await removeContent();
    },
    async sweep() {
      const parent = join(root.path, 'volumes');
      const names = existsSync(parent) ? readdirSync(parent) : [];
      for (const name of names) {
        if (!volumes.has(name)) await rm(directory(name), { recursive: true, force: true });
      }
    },
  };
};
