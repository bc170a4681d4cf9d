import { createHash, randomUUID } from 'node:crypto';
import { existsSync, renameSync } from 'node:fs';
import { chmod, chown, mkdir, readdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { Database, Row } from '#database';
import { removeTree } from '#sys';
import { createCacheLocks, type Hold } from './cache-locks.ts';
import { stepsErrors } from './errors.ts';
import { measureTree } from './measure-tree.ts';

export type CacheSharing = 'shared' | 'private' | 'locked';

/** What a step asks of one cache. */
export interface CacheAsk {
  readonly id: string;
  readonly sharing: CacheSharing;
  /** Nobody else may use it meanwhile, whatever `sharing` says. */
  readonly alone?: boolean | undefined;
  /** Of the directory when it is made. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** What a new cache begins with; caches that begin with something else are others, also under the same id. */
  readonly seed?: { readonly key: string; readonly fill: (directory: string) => Promise<void> } | undefined;
}

/** A cache of `RUN --mount=type=cache` as it is listed. */
export interface CacheMountInfo {
  /** Names this one; the name of its directory. */
  readonly key: string;
  /** As `id=` names it, after `BUILDKIT_CACHE_MOUNT_NS`. */
  readonly id: string;
  /** How the last step shared it. */
  readonly sharing: CacheSharing;
  /** 0, or which further copy of a private cache this is. */
  readonly number: number;
  /** Whether it began with files of an image or a stage. */
  readonly seeded: boolean;
  readonly createdAt: Date;
  readonly usedAt: Date;
  /** How many steps used it. */
  readonly uses: number;
  /** Bytes on disk. */
  readonly sizeBytes: number;
  readonly inUse: boolean;
}

export interface TakenCaches extends Disposable {
  /** Directories, in the order they were asked for. */
  readonly paths: readonly string[];
}

/** The caches of one root: directories that steps keep between builds. */
export interface CacheMounts {
  /** Waits until this step may use all of them; makes those that are missing. */
  take(asks: readonly CacheAsk[], signal?: AbortSignal): Promise<TakenCaches>;
  /** Sorted by id. Sizes are measured again where a cache was used since. */
  list(): Promise<readonly CacheMountInfo[]>;
  /** Removes caches by key; those in use stay. Returns what went. */
  remove(keys: readonly string[]): Promise<readonly CacheMountInfo[]>;
  /** Works with a cache's directory while no step uses it. */
  alone<T>(key: string, work: (directory: string) => Promise<T>, signal?: AbortSignal): Promise<T>;
  /** Puts what `fill` writes in the place of the cache `id`. Refused while a step uses it. */
  replace(id: string, fill: (directory: string) => Promise<void>): Promise<CacheMountInfo>;
  /** Deletes what a killed process left. */
  sweep(): Promise<void>;
}

interface CacheRow extends Row {
  readonly key: string;
  readonly id: string;
  readonly seed: string;
  readonly number: number;
  readonly sharing: CacheSharing;
  readonly created: number;
  readonly used: number;
  readonly uses: number;
  readonly size: number | null;
  readonly measured: number | null;
}

const KEY_DIGITS = 32;
const UPSERT = `
  INSERT INTO build_cache_mounts (key, id, seed, number, sharing, created, used, uses) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
  ON CONFLICT (key) DO UPDATE SET sharing = excluded.sharing, used = excluded.used, uses = uses + excluded.uses`;

interface Place {
  readonly id: string;
  readonly seed: string;
  readonly number: number;
}

const keyOf = ({ id, seed, number }: Place): string =>
  createHash('sha256')
    .update(JSON.stringify([id, seed, number]))
    .digest('hex')
    .slice(0, KEY_DIGITS);

/** Opens the caches below `directory`. */
export const createCacheMounts = ({
  directory,
  database,
}: {
  readonly directory: string;
  readonly database: Database;
}): CacheMounts => {
  const locks = createCacheLocks();
  const making = new Map<string, Promise<void>>();
  const pathOf = (key: string): string => join(directory, key);
  const rows = (): readonly CacheRow[] =>
    database.all<CacheRow>('SELECT * FROM build_cache_mounts ORDER BY id, seed, number');
  const rowOf = (key: string): CacheRow | undefined =>
    database.get<CacheRow>('SELECT * FROM build_cache_mounts WHERE key = ?', key);

  let noted: Promise<unknown> = Promise.resolve();
  /** A step does not wait for this: a directory without a record is only forgotten should this process be killed. */
  const note = (place: Place, sharing: CacheSharing): void => {
    const now = Date.now();
    const { id, seed, number } = place;
    const params = [keyOf(place), id, seed, number, sharing, now, now, 1];
    noted = Promise.allSettled([noted, database.write([{ sql: UPSERT, params }], { durable: false })]);
  };

  /** A whole directory comes into its place by one rename; before, nobody sees it. */
  const fillInto = async (key: string, fill: (directory: string) => Promise<void>): Promise<void> => {
    const fresh = join(directory, `.new-${randomUUID()}`);
    await mkdir(fresh, { recursive: true, mode: 0o755 });
    try {
      await fill(fresh);
      const gone = join(directory, `.gone-${randomUUID()}`);
      // One right after the other, so that hardly ever neither is in place.
      if (existsSync(pathOf(key))) renameSync(pathOf(key), gone);
      renameSync(fresh, pathOf(key));
      await removeTree(gone);
    } catch (error) {
      await removeTree(fresh);
      throw error;
    }
  };

  const discard = async (key: string): Promise<void> => {
    const gone = join(directory, `.gone-${randomUUID()}`);
    await rename(pathOf(key), gone);
    await removeTree(gone);
  };

  const own = async (path: string, { mode, uid, gid }: CacheAsk): Promise<void> => {
    await chown(path, uid, gid);
    await chmod(path, mode);
  };

  const make = async (place: Place, ask: CacheAsk): Promise<void> => {
    const key = keyOf(place);
    const path = pathOf(key);
    const { seed } = ask;
    if (!existsSync(path)) {
      await fillInto(key, async (fresh) => {
        if (seed === undefined) await own(fresh, ask);
        else await seed.fill(fresh);
      });
    } else if (rowOf(key)?.uses === 0) {
      // An imported one has no owner yet.
      await own(path, ask);
    }
    note(place, ask.sharing);
  };

  /** Steps that share a cache make it once. */
  const ready = async (place: Place, ask: CacheAsk): Promise<string> => {
    const key = keyOf(place);
    const before = making.get(key) ?? Promise.resolve();
    const job = before.catch(() => undefined).then(() => make(place, ask));
    making.set(key, job);
    try {
      await job;
    } finally {
      if (making.get(key) === job) making.delete(key);
    }
    return pathOf(key);
  };

  const hold = async (
    first: Place,
    ask: CacheAsk,
    signal: AbortSignal | undefined,
  ): Promise<{ readonly place: Place; readonly release: () => void }> => {
    if (ask.sharing === 'private') {
      for (let number = 0; ; number += 1) {
        const place = { ...first, number };
        const release = locks.tryAcquire(keyOf(place), 'alone');
        if (release !== undefined) return { place, release };
      }
    }
    const how: Hold = ask.sharing === 'locked' || ask.alone === true ? 'alone' : 'shared';
    return { place: first, release: await locks.acquire(keyOf(first), how, signal) };
  };

  const infoOf = (row: CacheRow): CacheMountInfo => ({
    key: row.key,
    id: row.id,
    sharing: row.sharing,
    number: row.number,
    seeded: row.seed !== '',
    createdAt: new Date(row.created),
    usedAt: new Date(row.used),
    uses: row.uses,
    sizeBytes: row.size ?? 0,
    inUse: locks.users(row.key) > 0,
  });

  const measured = async (row: CacheRow): Promise<CacheMountInfo> => {
    const info = infoOf(row);
    if (row.measured !== null && row.measured > row.used && !info.inUse) return info;
    const now = Date.now();
    const size = await measureTree(pathOf(row.key));
    const sql = 'UPDATE build_cache_mounts SET size = ?, measured = ? WHERE key = ?';
    await database.write([{ sql, params: [size, now, row.key] }]);
    return { ...info, sizeBytes: size };
  };

  const removeOne = async (key: string): Promise<CacheMountInfo | undefined> => {
    const release = locks.tryAcquire(key, 'alone');
    if (release === undefined) return undefined;
    try {
      await noted;
      const row = rowOf(key);
      if (row === undefined) return undefined;
      const info = await measured(row);
      await database.write([{ sql: 'DELETE FROM build_cache_mounts WHERE key = ?', params: [key] }]);
      if (existsSync(pathOf(key))) await discard(key);
      return { ...info, inUse: false };
    } finally {
      release();
    }
  };

  return {
    async take(asks, signal) {
      const firsts = asks.map(({ id, seed }): Place => ({ id, seed: seed?.key ?? '', number: 0 }));
      const held = new Map<string, { readonly path: string; readonly release: () => void }>();
      const release = (): void => {
        for (const each of held.values()) each.release();
      };
      // In one order for all steps, so that none waits for another that waits for it; a cache that is asked for twice
      // is one cache.
      const order = asks
        .map((ask, index) => ({ ask, first: firsts[index] ?? { id: ask.id, seed: '', number: 0 } }))
        .map(({ ask, first }) => ({ ask, first, key: keyOf(first) }))
        .toSorted((a, b) => (a.key < b.key ? -1 : Number(a.key > b.key)));
      try {
        for (const { ask, first, key } of order) {
          if (held.has(key)) continue;
          const same = order.filter((each) => each.key === key).map((each) => each.ask);
          const strictest = {
            ...(same.find(({ sharing }) => sharing !== 'shared') ?? ask),
            alone: same.some(({ alone }) => alone === true),
          };
          const taken = await hold(first, strictest, signal);
          held.set(key, { path: '', release: taken.release });
          held.set(key, { path: await ready(taken.place, ask), release: taken.release });
        }
      } catch (error) {
        release();
        throw error;
      }
      return {
        paths: firsts.map((first) => held.get(keyOf(first))?.path ?? ''),
        [Symbol.dispose]: release,
      };
    },
    async list() {
      await noted;
      const found: CacheMountInfo[] = [];
      for (const row of rows()) found.push(await measured(row));
      return found;
    },
    async remove(keys) {
      const removed: CacheMountInfo[] = [];
      for (const key of keys) {
        const info = await removeOne(key);
        if (info !== undefined) removed.push(info);
      }
      return removed;
    },
    async alone(key, work, signal) {
      const release = await locks.acquire(key, 'alone', signal);
      try {
        return await work(pathOf(key));
      } finally {
        release();
      }
    },
    async replace(id, fill) {
      const place: Place = { id, seed: '', number: 0 };
      const key = keyOf(place);
      const release = locks.tryAcquire(key, 'alone');
      if (release === undefined) throw stepsErrors.cacheInUse({ id });
      try {
        await noted;
        await fillInto(key, fill);
        const now = Date.now();
        const insert = { sql: UPSERT, params: [key, id, '', 0, 'shared', now, now, 0] };
        const sql = 'UPDATE build_cache_mounts SET uses = 0, measured = NULL WHERE key = ?';
        await database.write([insert, { sql, params: [key] }]);
        const row = rowOf(key);
        if (row === undefined) throw stepsErrors.cacheNotFound({ id });
        return { ...(await measured(row)), inUse: false };
      } finally {
        release();
      }
    },
    async sweep() {
      await noted;
      const known = new Set(rows().map(({ key }) => key));
      const names = await readdir(directory).catch((): string[] => []);
      for (const name of names) if (!known.has(name)) await removeTree(join(directory, name));
      const lost = [...known].filter((key) => !names.includes(key));
      const sql = 'DELETE FROM build_cache_mounts WHERE key = ?';
      if (lost.length > 0) await database.write(lost.map((key) => ({ sql, params: [key] })));
    },
  };
};
