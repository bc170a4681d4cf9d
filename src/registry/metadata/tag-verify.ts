import { setImmediate as breathe } from 'node:timers/promises';
import type { Database, Row } from '#database';
import { CHAIN_START, chainHash } from './tag-chain.ts';
import type { ChainFault, ChainReport, TagMove, VerifyOptions } from './tag-history-types.ts';

const BATCH = 500;
const MOST_FAULTS = 100;

/** Beside each entry: where its tag pointed before, whether it is the tag's last, and where the tag is now. */
const ENTRIES = `
  SELECT h.*, t.digest AS current,
    (SELECT p.to_digest FROM tag_history p
     WHERE p.repository = h.repository AND p.tag = h.tag AND p.id < h.id ORDER BY p.id DESC LIMIT 1) AS before,
    NOT EXISTS (SELECT 1 FROM tag_history n
     WHERE n.repository = h.repository AND n.tag = h.tag AND n.id > h.id) AS last
  FROM tag_history h LEFT JOIN tags t ON t.repository = h.repository AND t.name = h.tag
  WHERE h.id > ? ORDER BY h.id LIMIT ${BATCH}`;

const TAGS = `
  SELECT t.repository, t.name, EXISTS (
    SELECT 1 FROM tag_history h WHERE h.repository = t.repository AND h.tag = t.name) AS known
  FROM tags t WHERE (t.repository, t.name) > (?, ?) ORDER BY t.repository, t.name LIMIT ${BATCH}`;

interface Walk {
  id: number;
  hash: string;
  noted: number | undefined;
  readonly faults: ChainFault[];
}

const problemsOf = (walk: Walk, row: Row, move: TagMove): readonly string[] => {
  const problems: string[] = [];
  if (move.id !== walk.id + 1) problems.push(`entries ${walk.id + 1} to ${move.id - 1} are missing`);
  if (move.previous !== walk.hash) problems.push('it does not continue the entry before it');
  if (move.hash !== chainHash(move)) problems.push('it was changed: its hash is another');
  if (row['before'] !== row['from_digest'])
    problems.push(
      `it says the tag pointed to ${String(move.from)}, the history says ${String(row['before'])}`,
    );
  if (row['last'] === 1 && row['current'] !== row['to_digest'])
    problems.push(
      `the tag points to ${String(row['current'])}, its history says ${String(row['to_digest'])}`,
    );
  return problems;
};

const walkEntries = async (
  database: Database,
  moveOf: (row: Row) => TagMove,
  { head, signal }: VerifyOptions,
): Promise<Walk> => {
  const walk: Walk = { id: 0, hash: CHAIN_START, noted: undefined, faults: [] };
  for (;;) {
    signal?.throwIfAborted();
    const rows = database.all(ENTRIES, walk.id);
    for (const row of rows) {
      const move = moveOf(row);
      const { id, repository, tag } = move;
      for (const problem of problemsOf(walk, row, move)) walk.faults.push({ id, repository, tag, problem });
      if (move.hash === head) walk.noted = id;
      [walk.id, walk.hash] = [id, move.hash];
    }
    if (rows.length < BATCH || walk.faults.length >= MOST_FAULTS) return walk;
    await breathe();
  }
};

/** Tags that the history does not know of. */
const unrecorded = async (database: Database, signal: AbortSignal | undefined): Promise<ChainFault[]> => {
  const faults: ChainFault[] = [];
  let [repository, tag] = ['', ''];
  for (;;) {
    signal?.throwIfAborted();
    const rows = database.all(TAGS, repository, tag);
    for (const row of rows) {
      [repository, tag] = [String(row['repository']), String(row['name'])];
      if (row['known'] !== 1)
        faults.push({ id: undefined, repository, tag, problem: 'the history does not know of the tag' });
    }
    if (rows.length < BATCH || faults.length >= MOST_FAULTS) return faults;
    await breathe();
  }
};

/** Reads the whole history in batches, each of which sees one state of tags and history; flat in memory. */
export const verifyHistory = async (
  database: Database,
  moveOf: (row: Row) => TagMove,
  options: VerifyOptions,
): Promise<ChainReport> => {
  const { id, hash, noted, faults } = await walkEntries(database, moveOf, options);
  const lost: readonly ChainFault[] =
    options.head === undefined || noted !== undefined || options.head === CHAIN_START
      ? []
      : [
          {
            id: undefined,
            repository: undefined,
            tag: undefined,
            problem: `no entry has the hash ${options.head}: the history was cut short or written anew`,
          },
        ];
  const all = [...lost, ...faults, ...(await unrecorded(database, options.signal))];
  return { entries: id, head: { id, hash }, noted, faults: all.slice(0, MOST_FAULTS) };
};
