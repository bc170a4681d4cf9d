import type { Database, Statement } from '#database';
import { createContainer, type Container } from './container.ts';
import { engineErrors } from './errors.ts';
import type { ContainerRecord } from './record.ts';

/** All containers, in memory and in the database. */
export interface ContainerTable {
  list(): readonly Container[];
  get(id: string): Container | undefined;
  /** By name, ID or unique prefix of an ID. */
  find(name: string): Container;
  byName(name: string): Container | undefined;
  /** Takes a name until `insert` or `giveUp`; a `conflict` when it is taken. */
  reserve(name: string, id: string): void;
  giveUp(name: string): void;
  insert(record: ContainerRecord): Promise<Container>;
  /** Changes the record at once; resolves when the change is durable. */
  save(container: Container, change: Partial<ContainerRecord>): Promise<void>;
  /** Forgets at once; when that cannot be written the container is there again. */
  remove(container: Container): Promise<void>;
  /** Resolves when every change so far is durable. */
  flush(): Promise<void>;
}

const bare = (name: string): string => (name.startsWith('/') ? name.slice(1) : name);

const insertStatement = (record: ContainerRecord): Statement => ({
  sql: 'INSERT INTO engine_containers (id, name, record) VALUES (?, ?, ?)',
  params: [record.id, record.name, JSON.stringify(record)],
});

const updateStatement = (record: ContainerRecord): Statement => ({
  sql: 'UPDATE engine_containers SET name = ?, record = ? WHERE id = ?',
  params: [record.name, JSON.stringify(record), record.id],
});

const load = (database: Database): Map<string, Container> =>
  new Map(
    database
      .all<{ record: string }>('SELECT record FROM engine_containers')
      .map((row) => createContainer(JSON.parse(row.record) as ContainerRecord))
      .map((container) => [container.id, container]),
  );

export const openContainerTable = (database: Database): ContainerTable => {
  const byId = load(database);
  const names = new Map([...byId.values()].map(({ id, record }) => [record.name, id]));
  const pending = new Set<Promise<unknown>>();
  const write = async (statement: Statement): Promise<void> => {
    const written = database.write([statement]);
    pending.add(written);
    try {
      await written;
    } finally {
      pending.delete(written);
    }
  };
  const byName = (name: string): Container | undefined => byId.get(names.get(bare(name)) ?? '');
  const reserve = (name: string, id: string): void => {
    const holder = names.get(name);
    if (holder !== undefined && holder !== id) throw engineErrors.nameInUse({ name, id: holder });
    names.set(name, id);
  };
  return {
    list: () => [...byId.values()],
    get: (id) => byId.get(id),
    byName,
    find(name) {
      const exact = byId.get(name) ?? byName(name);
      if (exact !== undefined) return exact;
      const matches =
        name === '' ? [] : [...byId.values()].filter((container) => container.id.startsWith(name));
      if (matches.length > 1) throw engineErrors.ambiguousPrefix({ name });
      if (matches[0] === undefined) throw engineErrors.containerNotFound({ name });
      return matches[0];
    },
    reserve,
    giveUp: (name) => void names.delete(name),
    async insert(record) {
      const container = createContainer(record);
      await write(insertStatement(record));
      byId.set(record.id, container);
      return container;
    },
    save(container, change) {
      const previous = container.record.name;
      container.record = { ...container.record, ...change };
      if (container.record.name !== previous) names.delete(previous);
      return byId.has(container.id) ? write(updateStatement(container.record)) : Promise.resolve();
    },
    async remove(container) {
      byId.delete(container.id);
      names.delete(container.record.name);
      try {
        await write({ sql: 'DELETE FROM engine_containers WHERE id = ?', params: [container.id] });
      } catch (error) {
        byId.set(container.id, container);
        names.set(container.record.name, container.id);
        throw error;
      }
    },
    flush: async () => {
      await Promise.allSettled(pending);
    },
  };
};
