import type { Database } from '#database';
import type { LayerStore } from '#layers';
import type { Library } from '#library';
import type { DiffId } from '#oci';
import type { CacheMounts } from '#steps';
import { statfs } from '#sys';
import { forgetOldTraces } from './build-cache.ts';
import {
  forgetResults,
  mountRecords,
  oldestUse,
  sourceRecords,
  stepRecords,
  unknownResults,
  type CacheRecord,
  type CacheRecordKind,
} from './records.ts';
import type { CacheUses } from './uses.ts';

/** Which records a prune is about; all conditions must hold. */
export interface CacheFilter {
  /** Last used before. */
  readonly before?: Date | undefined;
  /** Beginnings of IDs. */
  readonly ids?: readonly string[] | undefined;
  readonly kinds?: readonly CacheRecordKind[] | undefined;
  /** Parts of the description. */
  readonly descriptions?: readonly string[] | undefined;
  readonly inUse?: boolean | undefined;
  readonly shared?: boolean | undefined;
}

export interface CachePrune {
  /** Also results whose layers images have; true unless given. */
  readonly all?: boolean | undefined;
  readonly before?: Date | undefined;
  readonly filter?: CacheFilter | undefined;
  /** Goes on only as long as the cache takes more than this. */
  readonly reservedBytes?: number | undefined;
  /** Goes on until the cache takes no more than this. */
  readonly maxUsedBytes?: number | undefined;
  /** Goes on until the file system has so much free space. */
  readonly minFreeBytes?: number | undefined;
}

export interface CachePruned {
  readonly records: number;
  readonly bytes: number;
  readonly ids: readonly string[];
}

/** What builds keep on disk: listed, counted, removed. */
export interface CacheSpace {
  /** The least recently used first. */
  records(filter?: CacheFilter): Promise<readonly CacheRecord[]>;
  /** Records and the bytes that only they take; logs are not among them. */
  usage(): Promise<{ readonly records: number; readonly bytes: number }>;
  oldestUse(): Date | undefined;
  /** Lets go of layers whose record a killed process did not write or had removed already. */
  releaseOrphans(): Promise<void>;
  /** Removes what no running build uses, the least recently used first; logs only where `kinds` names them. */
  prune(options?: CachePrune): Promise<CachePruned>;
}

/** The logs of builds, as records. */
export interface CacheLogs {
  records(): readonly CacheRecord[];
  /** Removes one; returns its ID. */
  remove(id: string): Promise<string>;
}

interface SpaceDependencies {
  readonly root: string;
  readonly database: Database;
  readonly library: Library;
  readonly layers: Pick<LayerStore, 'info'>;
  readonly uses: CacheUses;
  readonly caches: CacheMounts;
  /** What was fetched from elsewhere. */
  readonly sources: {
    readonly directory: string;
    /** Whether a build uses it. */
    readonly isBusy: () => boolean;
    /** Removes it; false where a build uses it. */
    readonly clear: () => Promise<boolean>;
  };
  readonly logs: CacheLogs;
  readonly holderKind: string;
}

const matches = (filter: CacheFilter | undefined, record: CacheRecord): boolean => {
  if (filter === undefined) return true;
  const { before, ids, kinds, descriptions, inUse, shared } = filter;
  return (
    (before === undefined || record.usedAt < before) &&
    (ids === undefined || ids.some((id) => record.id.startsWith(id))) &&
    (kinds === undefined || kinds.includes(record.kind)) &&
    (descriptions === undefined || descriptions.some((text) => record.description.includes(text))) &&
    (inUse === undefined || record.inUse === inUse) &&
    (shared === undefined || record.shared === shared)
  );
};

const bytesOf = (records: readonly CacheRecord[]): number =>
  records.reduce((sum, { bytes, shared }) => sum + (shared ? 0 : bytes), 0);

const freeBytesOf = (path: string): number => {
  const { availableBlocks, blockSize } = statfs(path);
  return Number(availableBlocks) * blockSize;
};

const imageLayers = (library: Library): ReadonlySet<DiffId> =>
  new Set(library.usage().images.flatMap(({ id }) => library.config(id).rootfs.diffIds));

type Rows = ReturnType<typeof stepRecords>;

/** A list of layers, and every list that it begins with. */
const beginningsOf = (layers: string): readonly string[] => {
  const found = [layers];
  for (let end = layers.lastIndexOf(' '); end > 0; end = layers.lastIndexOf(' ', end - 1))
    found.push(layers.slice(0, end));
  return found;
};

/** Results that go along: those that stand on one that goes. */
const withDependents = (chosen: readonly CacheRecord[], all: Rows): ReadonlySet<string> => {
  const ids = new Set(chosen.map(({ id }) => id));
  const own = all.filter(({ record, layers }) => ids.has(record.id) && record.bytes > 0 && layers !== '');
  const gone = new Set(own.map(({ layers }) => layers));
  for (const { record, layers } of all)
    if (
      gone.size > 0 &&
      beginningsOf(layers)
        .slice(1)
        .some((below) => gone.has(below))
    )
      ids.add(record.id);
  return ids;
};

/** Without results that others stand on which stay. */
const withoutFoundations = (chosen: ReadonlySet<string>, all: Rows): ReadonlySet<string> => {
  const kept = all.filter(({ record }) => !chosen.has(record.id));
  const needed = new Set(kept.flatMap(({ layers }) => beginningsOf(layers)));
  const free = all.filter(({ record, layers }) => chosen.has(record.id) && !needed.has(layers));
  return new Set(free.map(({ record }) => record.id));
};

export const createCacheSpace = (dependencies: SpaceDependencies): CacheSpace => {
  const { root, database, library, uses, caches, sources, logs } = dependencies;
  const steps = (): Rows =>
    stepRecords(database, { isUsed: (key) => uses.isUsed(key), imageLayers: imageLayers(library) });
  const others = async (): Promise<readonly CacheRecord[]> => [
    ...(await mountRecords(caches)),
    ...(await sourceRecords(sources.directory, sources.isBusy())),
  ];
  const records = async (filter?: CacheFilter): Promise<readonly CacheRecord[]> => {
    const all = [...steps().map(({ record }) => record), ...(await others()), ...logs.records()];
    return all.filter((record) => matches(filter, record)).toSorted((a, b) => +a.usedAt - +b.usedAt);
  };
  const removeSteps = (keys: readonly string[]): Promise<readonly string[]> =>
    uses.remove(keys, async (free) => {
      await forgetResults(database, free);
      await Promise.all(free.map((id) => library.holds.release({ kind: dependencies.holderKind, id })));
      return free;
    });
  const removeOther = async (record: CacheRecord): Promise<readonly string[]> => {
    if (record.inUse) return [];
    if (record.kind === 'cache-mount') return (await caches.remove([record.id])).map(({ key }) => key);
    if (record.kind === 'log') return [await logs.remove(record.id)];
    return (await sources.clear()) ? [record.id] : [];
  };
  const isEnough = (used: number, options: CachePrune): boolean => {
    const { reservedBytes, maxUsedBytes, minFreeBytes } = options;
    if (reservedBytes !== undefined && used <= reservedBytes) return true;
    if (maxUsedBytes === undefined && minFreeBytes === undefined) return false;
    const fits = maxUsedBytes === undefined || used <= maxUsedBytes;
    return fits && (minFreeBytes === undefined || freeBytesOf(root) >= minFreeBytes);
  };
  /** The candidates, as far as the limits ask for them. */
  const choose = (candidates: readonly CacheRecord[], used: number, options: CachePrune) => {
    const chosen: CacheRecord[] = [];
    let left = used;
    for (const record of candidates) {
      if (isEnough(left, options)) break;
      chosen.push(record);
      left -= record.shared ? 0 : record.bytes;
    }
    return chosen;
  };
  const prune = async (options: CachePrune = {}): Promise<CachePruned> => {
    const { all = true, before, filter } = options;
    const rows = steps();
    const present = [...rows.map(({ record }) => record), ...(await others())];
    const told = filter?.kinds?.includes('log') === true ? logs.records() : [];
    const candidates = [...present, ...told]
      .filter((record) => !record.inUse && (all || !record.shared))
      .filter((record) => matches({ ...filter, before: filter?.before ?? before }, record))
      .toSorted((a, b) => +a.usedAt - +b.usedAt);
    const chosen = choose(candidates, bytesOf(present), options);
    const wanted = withDependents(
      chosen.filter(({ kind }) => kind === 'step'),
      rows,
    );
    const going = all ? wanted : withoutFoundations(wanted, rows);
    const gone = [...(await removeSteps([...going]))];
    for (const record of chosen) if (record.kind !== 'step') gone.push(...(await removeOther(record)));
    await forgetOldTraces(database);
    await library.collect();
    const ids = new Set(gone);
    const removed = [...present, ...told].filter(({ id }) => ids.has(id));
    return { records: removed.length, bytes: bytesOf(removed), ids: gone };
  };
  return {
    records,
    async usage() {
      const present = [...steps().map(({ record }) => record), ...(await others())];
      return { records: present.length, bytes: bytesOf(present) };
    },
    oldestUse: () => oldestUse(database),
    async releaseOrphans() {
      const held = library.holds.heldBy(dependencies.holderKind).map(({ holder }) => holder.id);
      const orphans = unknownResults(database, held);
      await Promise.all(orphans.map((id) => library.holds.release({ kind: dependencies.holderKind, id })));
    },
    prune,
  };
};
