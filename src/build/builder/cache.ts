import { deflateRawSync, inflateRawSync } from 'node:zlib';
import type { Database, Row, Statement } from '#database';
import type { DiffId } from '#oci';
import type { CacheHit, KeyInputs, SolverCache } from '#solver';

/** What a step leaves: the layers of its stage so far. */
export interface StepResult {
  /** Lowest first. */
  readonly layers: readonly DiffId[];
  /** The layer that the step itself made; undefined when it changed nothing. */
  readonly own: DiffId | undefined;
  /** Bytes of that layer's tar. */
  readonly size: number;
  /** When the step was carried out, RFC 3339; equal in every build that takes it from the cache. */
  readonly created: string;
}

interface CacheDependencies {
  readonly database: Database;
  readonly hasLayer: (diffId: DiffId) => boolean;
  /** Keeps a layer alive as long as the cache row `key` exists. */
  readonly hold: (key: string, diffId: DiffId) => Promise<void>;
}

/** The persistent cache as one build sees it. */
export interface BuildCache extends SolverCache<StepResult> {
  /** Writes what was remembered; one transaction, none when nothing changed. */
  flush(): Promise<void>;
}

interface ResultRow extends Row {
  readonly key: string;
  readonly canonical: string;
  readonly layers: string;
  readonly own: DiffId | null;
  readonly size: number;
  readonly created: string;
  readonly used: number;
}

/** A row counts as used again only after this long, so that a cached build writes nothing. */
const USED_RESOLUTION_MS = 60 * 60 * 1000;

const INSERT_RESULT = `
  INSERT INTO build_results (key, canonical, layers, own, size, created, used) VALUES (?, ?, ?, ?, ?, ?, ?)
  ON CONFLICT (key) DO UPDATE SET canonical = excluded.canonical, layers = excluded.layers, own = excluded.own,
    size = excluded.size, created = excluded.created, used = excluded.used`;

const INSERT_STEP = `
  INSERT INTO build_steps (step, key, inputs) VALUES (?, ?, ?)
  ON CONFLICT (step) DO UPDATE SET key = excluded.key, inputs = excluded.inputs`;

const resultStatement = (key: string, canonical: string, result: StepResult): Statement => ({
  sql: INSERT_RESULT,
  params: [
    key,
    canonical,
    result.layers.join(' '),
    result.own ?? null,
    result.size,
    result.created,
    Date.now(),
  ],
});

const layersOf = (text: string): readonly DiffId[] => (text === '' ? [] : (text.split(' ') as DiffId[]));

const resultOf = (row: ResultRow): StepResult => ({
  layers: layersOf(row.layers),
  own: row.own ?? undefined,
  size: row.size,
  created: row.created,
});

const encodeInputs = (inputs: KeyInputs): Uint8Array => deflateRawSync(JSON.stringify(inputs), { level: 1 });
const decodeInputs = (bytes: Uint8Array): KeyInputs =>
  JSON.parse(inflateRawSync(bytes).toString('utf8')) as KeyInputs;

/** Opens the cache for one build. */
export const createBuildCache = ({ database, hasLayer, hold }: CacheDependencies): BuildCache => {
  const pending: Statement[] = [];
  const lookup = (key: string): CacheHit<StepResult> | undefined => {
    const row = database.get<ResultRow>('SELECT * FROM build_results WHERE key = ?', key);
    if (row === undefined) return undefined;
    const result = resultOf(row);
    if (!result.layers.every(hasLayer)) return undefined;
    if (Date.now() - row.used > USED_RESOLUTION_MS) {
      const sql = 'UPDATE build_results SET used = ? WHERE canonical = ?';
      pending.push({ sql, params: [Date.now(), row.canonical] });
    }
    return { result, canonicalKey: row.canonical };
  };
  return {
    lookup,
    async store({ key, aliases, result }) {
      const keys = [key, ...aliases];
      const rows = database.write(keys.map((each) => resultStatement(each, key, result)));
      const held = result.own === undefined ? undefined : hold(key, result.own);
      await Promise.all([rows, held]);
    },
    alias(key, canonicalKey) {
      const hit = lookup(canonicalKey);
      if (hit !== undefined) pending.push(resultStatement(key, canonicalKey, hit.result));
    },
    previous(step) {
      const row = database.get<Row & { key: string }>('SELECT key FROM build_steps WHERE step = ?', step);
      if (row === undefined) return undefined;
      const inputs = (): KeyInputs => {
        const sql = 'SELECT inputs FROM build_steps WHERE step = ?';
        const found = database.get<Row & { inputs: Uint8Array }>(sql, step);
        return found === undefined ? { parts: [], inputs: [] } : decodeInputs(found.inputs);
      };
      return { key: row.key, inputs };
    },
    remember(step, key, inputs) {
      pending.push({ sql: INSERT_STEP, params: [step, key, encodeInputs(inputs)] });
    },
    async flush() {
      const statements = pending.splice(0);
      if (statements.length > 0) await database.write(statements);
    },
  };
};

/** Number of results, and bytes of their layers, each counted once. */
export const cacheUsage = (database: Database): { readonly records: number; readonly bytes: number } => {
  const row = database.get<Row & { records: number; bytes: number }>(
    `SELECT (SELECT count(*) FROM build_results WHERE key = canonical) AS records, coalesce(sum(size), 0) AS bytes
     FROM (SELECT max(size) AS size FROM build_results WHERE own IS NOT NULL GROUP BY own)`,
  );
  return { records: row?.records ?? 0, bytes: row?.bytes ?? 0 };
};

/** When the result that was not used for the longest time was used last. */
export const oldestUse = (database: Database): Date | undefined => {
  const sql = 'SELECT min(used) AS used FROM build_results WHERE key = canonical';
  const used = database.get<Row & { used: number | null }>(sql)?.used ?? undefined;
  return used === undefined ? undefined : new Date(used);
};

/** Canonical keys of results that were not used since `before`; of all without it. */
export const staleResults = (database: Database, before: Date | undefined): readonly string[] =>
  database
    .all<Row & { key: string }>(
      'SELECT key FROM build_results WHERE key = canonical AND used < ?',
      before?.getTime() ?? Number.MAX_SAFE_INTEGER,
    )
    .map((row) => row.key);

/** Forgets results with all their keys. */
export const forgetResults = async (database: Database, keys: readonly string[]): Promise<void> => {
  await database.write(
    keys.map((key) => ({ sql: 'DELETE FROM build_results WHERE canonical = ?', params: [key] })),
  );
};
