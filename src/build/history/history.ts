import { randomBytes } from 'node:crypto';
import { readdir, rm, stat } from 'node:fs/promises';
import { promisify } from 'node:util';
import { deflateRaw, inflateRaw } from 'node:zlib';
import type { Database, Row, Statement } from '#database';
import { doInSlices, type Pieces } from '#dockerfile';
import { toLadeError } from '#errors';
import { historyErrors } from './errors.ts';
import type { BuildEvent } from './events.ts';
import { createBuildLog, logFolder, logPath, readLog, type BuildLog } from './log.ts';
import type { BuildResult } from './result.ts';
import { createStepLedger, type StepLedger } from './step-ledger.ts';
import type {
  BuildDetails,
  BuildFailure,
  BuildHistory,
  BuildStatus,
  BuildSubject,
  BuildSummary,
  HistoryLimits,
  LogEntry,
  StepTrace,
} from './types.ts';

/** Writes down one build while it runs. */
export interface BuildRecorder {
  readonly id: string;
  event(event: BuildEvent): void;
  done(result: BuildResult): void;
  failed(error: unknown, aborted: boolean): void;
}

/** The history with what only the builder may do. */
export interface OpenHistory extends BuildHistory {
  begin(subject: BuildSubject): BuildRecorder;
  /** Marks builds that a killed process left as interrupted. */
  recover(): Promise<void>;
  /** Forgets what ended before `before`, of all without it; returns how many builds and bytes went. */
  prune(before: Date | undefined): Promise<{ readonly builds: number; readonly bytes: number }>;
}

interface HistoryDependencies {
  readonly root: string;
  readonly database: Database;
  readonly limits: () => HistoryLimits;
}

type Extra = { readonly steps: readonly StepTrace[]; readonly warnings: readonly string[] };

/** A build that runs, or whose end is not recorded yet. */
interface Live {
  summary: BuildSummary;
  readonly log: BuildLog;
  readonly ledger: StepLedger;
  readonly waiting: Set<() => void>;
}

interface BuildRow extends Row {
  readonly id: string;
  readonly status: string;
  readonly about: string;
  readonly log_bytes: number;
}

const INSERT = `
  INSERT INTO build_history (id, started, status, about, steps, log_bytes) VALUES (?, ?, ?, ?, ?, ?)
  ON CONFLICT (id) DO UPDATE SET status = excluded.status, about = excluded.about, steps = excluded.steps,
    log_bytes = excluded.log_bytes`;

const ID_BYTES = 8;
const NO_COUNTS = { total: 0, cached: 0, executed: 0 };
const LOG_NAME = /^([0-9a-f]{16})\.jsonl$/u;

const pack = promisify(deflateRaw);
const unpack = promisify(inflateRaw);

const STEPS_AT_ONCE = 100;

/** The JSON of the steps and warnings of a build, in pieces: there may be very many. */
function* extraBytes({ steps, warnings }: Extra): Pieces<Buffer> {
  const parts = [Buffer.from('{"steps":[')];
  for (let at = 0; at < steps.length; at += STEPS_AT_ONCE) {
    const text = JSON.stringify(steps.slice(at, at + STEPS_AT_ONCE)).slice(1, -1);
    parts.push(Buffer.from(at === 0 ? text : `,${text}`));
    yield;
  }
  parts.push(Buffer.from(`],"warnings":${JSON.stringify(warnings)}}`));
  return Buffer.concat(parts);
}

const rowOf = (summary: BuildSummary, packed: Buffer | null, logBytes: number): Statement => ({
  sql: INSERT,
  params: [summary.id, summary.startedAt, summary.status, JSON.stringify(summary), packed, logBytes],
});

/** The row of a build that has ended. */
const endedRow = async (summary: BuildSummary, extra: Extra, logBytes: number): Promise<Statement> =>
  rowOf(summary, await pack(await doInSlices(extraBytes(extra)), { level: 1 }), logBytes);

const failureOf = (error: unknown): BuildFailure => {
  const { kind, code, message, hint } = toLadeError(error);
  return { kind, code, message, hint };
};

const sizeOf = async (path: string): Promise<number> => (await stat(path).catch(() => undefined))?.size ?? 0;

/** What a log says of a build whose daemon was killed, or could not write down its end any more. */
const interruptedBuild = async (
  path: string,
): Promise<{ summary: BuildSummary; extra: Extra } | undefined> => {
  const ledger = createStepLedger();
  let header: (BuildSubject & { readonly id: string; readonly startedAt: number }) | undefined;
  let endedAt = 0;
  let end: Partial<BuildSummary> = { status: 'interrupted' };
  for await (const line of readLog(path)) {
    if (line.kind === 'header') header = line.header;
    else {
      ledger.add(line);
      endedAt = line.at;
      if (line.kind === 'result') end = { status: 'done', imageId: line.result.imageId };
      if (line.kind === 'error') end = { status: 'failed', failure: line.error };
    }
  }
  if (header === undefined) return undefined;
  const ended = Math.max(endedAt, header.startedAt);
  const summary: BuildSummary = {
    ...header,
    status: 'interrupted',
    ...end,
    endedAt: ended,
    counts: ledger.counts,
    logBytes: await sizeOf(path),
  };
  return { summary, extra: { steps: ledger.steps(true), warnings: ledger.warnings } };
};

/** Opens the history of a root; nothing is read before it is asked for. */
export const createHistory = ({ root, database, limits }: HistoryDependencies): OpenHistory => {
  const live = new Map<string, Live>();

  const list = (): readonly BuildSummary[] => {
    const rows = database.all<BuildRow>('SELECT id, status, about, log_bytes FROM build_history');
    const found = new Map(
      rows.map((row) => [row.id, { ...(JSON.parse(row.about) as BuildSummary), logBytes: row.log_bytes }]),
    );
    for (const { summary, ledger, log } of live.values()) {
      const counts = summary.status === 'running' ? ledger.counts : summary.counts;
      found.set(summary.id, { ...summary, counts, logBytes: log.bytes });
    }
    return [...found.values()].toSorted((a, b) => b.startedAt - a.startedAt);
  };

  const find = (build: string): BuildSummary => {
    const all = list();
    const nth = /^\^(\d+)$/u.exec(build)?.[1];
    const found =
      nth === undefined ? all.filter(({ id }) => id.startsWith(build)) : all.slice(Number(nth)).slice(0, 1);
    const [only] = found;
    if (only === undefined || build === '') throw historyErrors.unknownBuild({ build });
    if (found.length > 1) throw historyErrors.ambiguousBuild({ build, ids: found.map(({ id }) => id) });
    return only;
  };

  const forget = async (summaries: readonly BuildSummary[]): Promise<number> => {
    let bytes = 0;
    for (const { id } of summaries) bytes += await sizeOf(logPath(root, id));
    const sql = 'DELETE FROM build_history WHERE id = ?';
    if (summaries.length > 0) await database.write(summaries.map(({ id }) => ({ sql, params: [id] })));
    for (const { id } of summaries) await rm(logPath(root, id), { force: true });
    return bytes;
  };

  const enforceLimits = async (): Promise<void> => {
    const { count, ageMs } = limits();
    const oldest = Date.now() - ageMs;
    const ended = list().filter(({ status }) => status !== 'running');
    await forget(ended.filter(({ startedAt }, index) => index >= count || startedAt < oldest));
  };

  const finish = (one: Live, status: BuildStatus, more: Partial<BuildSummary>, entry: LogEntry): void => {
    if (one.summary.status !== 'running') return;
    one.log.write(entry);
    one.log.end();
    one.summary = { ...one.summary, status, endedAt: entry.at, counts: one.ledger.counts, ...more };
    const extra = { steps: one.ledger.steps(true), warnings: one.ledger.warnings };
    // The log has it all: what cannot be written here is read from there after the next start.
    endedRow(one.summary, extra, one.log.bytes)
      .then((row) => database.write([row], { durable: false }))
      .then(() => {
        live.delete(one.summary.id);
        return enforceLimits();
      })
      .catch(() => undefined);
  };

  const begin = (subject: BuildSubject): BuildRecorder => {
    const id = randomBytes(ID_BYTES).toString('hex');
    const startedAt = Date.now();
    const log = createBuildLog(root, { ...subject, id, startedAt });
    const one: Live = {
      summary: { ...subject, id, startedAt, status: 'running', counts: NO_COUNTS, logBytes: 0 },
      log,
      ledger: createStepLedger(),
      waiting: new Set(),
    };
    log.onGrown = () => {
      for (const wake of one.waiting) wake();
      one.waiting.clear();
    };
    live.set(id, one);
    database.write([rowOf(one.summary, null, 0)], { durable: false }).catch(() => undefined);
    return {
      id,
      event(event) {
        const entry: LogEntry = { at: Date.now(), kind: 'event', event };
        one.ledger.add(entry);
        log.write(entry);
      },
      done(result) {
        finish(one, 'done', { imageId: result.imageId }, { at: Date.now(), kind: 'result', result });
      },
      failed(error, aborted) {
        const failure = failureOf(error);
        const entry: LogEntry = { at: Date.now(), kind: 'error', error: failure };
        finish(one, aborted ? 'cancelled' : 'failed', { failure }, entry);
      },
    };
  };

  const extraOf = async (id: string): Promise<Extra> => {
    const sql = 'SELECT steps FROM build_history WHERE id = ?';
    const steps = database.get<Row & { steps: Uint8Array | null }>(sql, id)?.steps ?? null;
    return steps === null
      ? { steps: [], warnings: [] }
      : (JSON.parse((await unpack(steps)).toString('utf8')) as Extra);
  };

  const grown = (one: Live, signal: AbortSignal | undefined): Promise<boolean> =>
    new Promise((resolve, reject) => {
      const wake = (): void => {
        signal?.removeEventListener('abort', abort);
        resolve(true);
      };
      const abort = (): void => {
        one.waiting.delete(wake);
        reject(toLadeError(signal?.reason));
      };
      if (signal?.aborted === true) return abort();
      signal?.addEventListener('abort', abort, { once: true });
      one.waiting.add(wake);
    });

  /** Waits at the end of a log that still grows; once more after the end, for what was written meanwhile. */
  const follower = (one: Live, signal: AbortSignal | undefined): (() => Promise<boolean>) => {
    let last = false;
    return async () => {
      if (last) return false;
      if (one.log.ended) return (last = true);
      return await grown(one, signal);
    };
  };

  async function* logs(
    build: string,
    {
      follow = false,
      signal,
    }: { readonly follow?: boolean | undefined; readonly signal?: AbortSignal | undefined } = {},
  ): AsyncGenerator<LogEntry, void, undefined> {
    const { id } = find(build);
    const one = live.get(id);
    const more = follow && one !== undefined ? follower(one, signal) : undefined;
    for await (const line of readLog(logPath(root, id), { more, signal }))
      if (line.kind !== 'header') yield line;
  }

  return {
    list,
    async inspect(build): Promise<BuildDetails> {
      const summary = find(build);
      const one = live.get(summary.id);
      const extra =
        one === undefined
          ? await extraOf(summary.id)
          : { steps: one.ledger.steps(summary.status !== 'running'), warnings: one.ledger.warnings };
      return { ...summary, ...extra };
    },
    logs,
    async remove(build) {
      const summary = find(build);
      if (summary.status === 'running') throw historyErrors.buildRuns({ id: summary.id });
      await forget([summary]);
      return summary.id;
    },
    usage() {
      const sql = 'SELECT count(*) AS builds, coalesce(sum(log_bytes), 0) AS bytes FROM build_history';
      const row = database.get<Row & { builds: number; bytes: number }>(sql);
      return { builds: row?.builds ?? 0, bytes: row?.bytes ?? 0 };
    },
    begin,
    async recover() {
      const sql = "SELECT id FROM build_history WHERE status <> 'running'";
      const known = new Set(database.all<Row & { id: string }>(sql).map(({ id }) => id));
      const names = await readdir(logFolder(root)).catch(() => []);
      for (const name of names) {
        const id = LOG_NAME.exec(name)?.[1];
        if (id === undefined || known.has(id) || live.has(id)) continue;
        const path = logPath(root, id);
        const found = await interruptedBuild(path);
        if (found === undefined) await rm(path, { force: true });
        else await database.write([await endedRow(found.summary, found.extra, await sizeOf(path))]);
      }
      await database.write([
        {
          sql: `UPDATE build_history SET status = 'interrupted', about = json_set(about, '$.status', 'interrupted')
                WHERE status = 'running' AND id NOT IN (SELECT value FROM json_each(?))`,
          params: [JSON.stringify([...live.keys()])],
        },
      ]);
    },
    async prune(before) {
      const ended = list().filter(({ status }) => status !== 'running');
      const gone = ended.filter(({ endedAt = 0 }) => before === undefined || endedAt < before.getTime());
      return { builds: gone.length, bytes: await forget(gone) };
    },
  };
};
