import { deflateRawSync, inflateRawSync } from 'node:zlib';
import type { Database, Row, Statement } from '#database';
import type { DiffId } from '#oci';
import type { CacheHit, KeyInputs, KeyPart, SolverCache } from '#solver';
import type { ImportedResults } from './imported-results.ts';
import type { Trace } from './step-trace.ts';
import type { BuildUse } from './uses.ts';

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
  /** Waits until the layers that steps made so far are recorded. */
  readonly recorded: () => Promise<void>;
  /** Keeps a layer alive as long as the cache row `key` exists. */
  readonly hold: (key: string, diffId: DiffId) => Promise<void>;
  /** Keeps what this build finds and makes from being pruned. */
  readonly use: BuildUse;
  /** Results of other machines. */
  readonly imported?: Promise<ImportedResults> | undefined;
}

/** The last builds of one Dockerfile. */
export interface KnownTrace {
  readonly trace: Trace;
  /** False: those were for another platform. */
  readonly own: boolean;
}

/** The persistent cache as one build sees it. */
export interface BuildCache extends SolverCache<StepResult> {
  /** The steps of the last build of `scope` for a platform, or for another one; empty when there was none. */
  traceOf(scope: string, platform: string): KnownTrace;
  /**
   * Remembers the steps of this build; `records` gives what each of them was before under another ID, `nameOf` how they
   * are called.
   */
  rememberTrace(scope: string, platform: string, trace: TraceUpdate): void;
  /** Writes what was remembered; one transaction, none when nothing changed. */
  flush(): Promise<void>;
}

export interface TraceUpdate {
  readonly trace: Trace;
  readonly records: ReadonlyMap<string, string>;
  readonly nameOf: (step: string) => string;
}

interface ResultRow extends Row {
  readonly key: string;
  readonly canonical: string;
  readonly layers: string;
  readonly own: DiffId | null;
  readonly size: number;
  readonly created: string;
  readonly used: number;
  readonly description: string;
}

/** A row counts as used again only after this long, so that a cached build writes nothing. */
const USED_RESOLUTION_MS = 60 * 60 * 1000;

const INSERT_RESULT = `
  INSERT INTO build_results (key, canonical, layers, own, size, created, used, made, description)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
  ON CONFLICT (key) DO UPDATE SET canonical = excluded.canonical, layers = excluded.layers, own = excluded.own,
    size = excluded.size, created = excluded.created, used = excluded.used, made = excluded.made,
    description = excluded.description`;

const INSERT_STEP = `
  INSERT INTO build_steps (step, key, inputs) VALUES (?, ?, ?)
  ON CONFLICT (step) DO UPDATE SET key = excluded.key, inputs = excluded.inputs`;

const INSERT_TRACE = `
  INSERT INTO build_traces (scope, platform, trace, used) VALUES (?, ?, ?, ?)
  ON CONFLICT (scope, platform) DO UPDATE SET trace = excluded.trace, used = excluded.used`;

/** Dockerfiles whose last build is known. */
const MAX_TRACES = 1000;

interface Entry {
  readonly key: string;
  readonly canonical: string;
  readonly result: StepResult;
  readonly description: string;
}

const resultStatement = ({ key, canonical, result, description }: Entry): Statement => ({
  sql: INSERT_RESULT,
  params: [
    key,
    canonical,
    result.layers.join(' '),
    result.own ?? null,
    result.size,
    result.created,
    Date.now(),
    Date.now(),
    description,
  ],
});

const layersOf = (text: string): readonly DiffId[] => (text === '' ? [] : (text.split(' ') as DiffId[]));

const resultOf = (row: ResultRow): StepResult => ({
  layers: layersOf(row.layers),
  own: row.own ?? undefined,
  size: row.size,
  created: row.created,
});

const INSERT_PARTS = 'INSERT INTO build_parts (key, parts) VALUES (?, ?) ON CONFLICT (key) DO NOTHING';

const encodeParts = (parts: readonly KeyPart[]): Uint8Array =>
  deflateRawSync(JSON.stringify(parts), { level: 1 });
const decodeParts = (bytes: Uint8Array): readonly KeyPart[] =>
  JSON.parse(inflateRawSync(bytes).toString('utf8')) as readonly KeyPart[];

const decodeTrace = (text: string): Trace => JSON.parse(text) as Trace;

const stepIdsOf = (trace: Trace): readonly string[] =>
  trace.flatMap(({ id, steps }) => [id, ...steps.map((step) => step.id)]);

interface TraceRow extends Row {
  readonly platform: string;
  readonly trace: string;
}

/** Opens the cache for one build. */
export const createBuildCache = (dependencies: CacheDependencies): BuildCache => {
  const { database, hasLayer, recorded, hold, use, imported } = dependencies;
  const pending: Statement[] = [];
  const records = new Map<string, string>();
  let nameOf = (_step: string): string => '';
  const rowOf = (key: string): ResultRow | undefined =>
    database.get<ResultRow>('SELECT * FROM build_results WHERE key = ?', key);
  const lookupHere = (key: string): CacheHit<StepResult> | undefined => {
    const row = rowOf(key);
    if (row === undefined || !use.take(row.canonical)) return undefined;
    const result = resultOf(row);
    if (!result.layers.every(hasLayer)) return undefined;
    if (Date.now() - row.used > USED_RESOLUTION_MS) {
      const sql = 'UPDATE build_results SET used = ?, uses = uses + 1 WHERE canonical = ?';
      pending.push({ sql, params: [Date.now(), row.canonical] });
    }
    return { result, canonicalKey: row.canonical };
  };
  const previousHere = (step: string): ReturnType<BuildCache['previous']> => {
    const row = database.get<Row & { key: string; inputs: string }>(
      'SELECT key, inputs FROM build_steps WHERE step = ?',
      step,
    );
    if (row === undefined) return undefined;
    const inputs = (): KeyInputs => {
      const sql = 'SELECT parts FROM build_parts WHERE key = ?';
      const found = database.get<Row & { parts: Uint8Array }>(sql, row.key);
      return {
        parts: found === undefined ? [] : decodeParts(found.parts),
        inputs: JSON.parse(row.inputs) as KeyInputs['inputs'],
      };
    };
    return { key: row.key, inputs };
  };
  const store: BuildCache['store'] = async ({ key, aliases, result, step }) => {
    use.take(key);
    const description = nameOf(step ?? '');
    const rows = [key, ...aliases].map((each) =>
      resultStatement({ key: each, canonical: key, result, description }),
    );
    const others = 'UPDATE build_results SET layers = ?, own = ?, size = ?, created = ? WHERE canonical = ?';
    const { layers, own, size, created } = result;
    // What is in the cache is on the disk; and steps that were recorded together share one commit.
    await recorded();
    const statements = [
      { sql: 'DELETE FROM build_evicted WHERE key = ?', params: [key] },
      ...rows,
      // Further keys of a result that was there already, and is another one now.
      { sql: others, params: [layers.join(' '), own ?? null, size, created, key] },
    ];
    const written = database.write(statements, { durable: false });
    await Promise.all([written, own === undefined ? undefined : hold(key, own)]);
  };
  return {
    sparse: imported !== undefined,
    lookup(key, step) {
      const found = lookupHere(key);
      if (found !== undefined || imported === undefined) return found;
      return imported.then((results) => results.lookup(key, { store, step }));
    },
    wasEvicted: (key) =>
      rowOf(key) !== undefined ||
      database.get('SELECT key FROM build_evicted WHERE key = ?', key) !== undefined,
    absent(key) {
      const sql = 'INSERT INTO build_evicted (key, at) VALUES (?, ?) ON CONFLICT (key) DO NOTHING';
      const known = database.get('SELECT 1 FROM build_evicted WHERE key = ?', key) !== undefined;
      if (!known) pending.push({ sql, params: [key, Date.now()] });
    },
    store,
    alias(key, canonical) {
      const row = rowOf(canonical);
      if (row === undefined) return;
      pending.push(resultStatement({ key, canonical, result: resultOf(row), description: row.description }));
    },
    previous(step) {
      const before = records.get(step);
      return previousHere(step) ?? (before === undefined ? undefined : previousHere(before));
    },
    remember(step, key, { parts, inputs }) {
      pending.push({ sql: INSERT_STEP, params: [step, key, JSON.stringify(inputs)] });
      if (parts === undefined || database.get('SELECT 1 FROM build_parts WHERE key = ?', key) !== undefined)
        return;
      pending.push({ sql: INSERT_PARTS, params: [key, encodeParts(parts)] });
    },
    traceOf(scope, platform) {
      const sql =
        'SELECT platform, trace FROM build_traces WHERE scope = ? ORDER BY platform = ? DESC, used DESC';
      const row = database.get<TraceRow>(`${sql} LIMIT 1`, scope, platform);
      return { trace: row === undefined ? [] : decodeTrace(row.trace), own: row?.platform === platform };
    },
    rememberTrace(scope, platform, update) {
      nameOf = update.nameOf;
      for (const [step, before] of update.records) records.set(step, before);
      const sql = 'SELECT platform, trace FROM build_traces WHERE scope = ? AND platform = ?';
      const before = database.get<TraceRow>(sql, scope, platform)?.trace;
      const text = JSON.stringify(update.trace);
      if (before === text) return;
      pending.push({ sql: INSERT_TRACE, params: [scope, platform, text, Date.now()] });
      const kept = new Set(stepIdsOf(update.trace));
      const gone = before === undefined ? [] : stepIdsOf(decodeTrace(before)).filter((id) => !kept.has(id));
      if (gone.length > 0) {
        const forget = 'DELETE FROM build_steps WHERE step IN (SELECT value FROM json_each(?))';
        pending.push({ sql: forget, params: [JSON.stringify(gone)] });
      }
    },
    async flush() {
      // Caches that were given up have nothing to keep; the build tells why.
      const results = await imported?.catch(() => undefined);
      await results?.keep(store);
      const statements = pending.splice(0);
      if (statements.length > 0) await database.write(statements, { durable: false });
    },
  };
};

/** Forgets the Dockerfiles that were not built for the longest time, with their steps. */
export const forgetOldTraces = async (database: Database, most = MAX_TRACES): Promise<void> => {
  const sql = 'SELECT scope, platform, trace FROM build_traces ORDER BY used DESC LIMIT -1 OFFSET ?';
  const old = database.all<TraceRow & { scope: string }>(sql, most);
  await database.write(
    old.flatMap(({ scope, platform, trace }) => [
      { sql: 'DELETE FROM build_traces WHERE scope = ? AND platform = ?', params: [scope, platform] },
      {
        sql: 'DELETE FROM build_steps WHERE step IN (SELECT value FROM json_each(?))',
        params: [JSON.stringify(stepIdsOf(decodeTrace(trace)))],
      },
    ]),
  );
};
