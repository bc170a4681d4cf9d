import type { Database, Row, SqlValue } from '#database';
import { isLadeError } from '#errors';
import type { Digest } from '#oci';
import type { ContentGuards } from './content-guards.ts';
import { metadataErrors } from './errors.ts';
import type { JournalWriter } from './journal.ts';
import { tagMoveStatements } from './tag-cause.ts';
import { CHAIN_START } from './tag-chain.ts';
import type {
  RestoredTag,
  TagHistory,
  TagHistoryFilter,
  TagMove,
  TagMoveReason,
  TagRestore,
} from './tag-history-types.ts';
import { verifyHistory } from './tag-verify.ts';

const textOf = (value: SqlValue | undefined): string | undefined =>
  typeof value === 'string' ? value : undefined;

const digestOf = (value: SqlValue | undefined): Digest | undefined => textOf(value) as Digest | undefined;

const moveOf = (row: Row): TagMove => ({
  id: Number(row['id']),
  atMs: Number(row['at_ms']),
  repository: String(row['repository']),
  tag: String(row['tag']),
  from: digestOf(row['from_digest']),
  to: digestOf(row['to_digest']),
  reason: String(row['reason']) as TagMoveReason,
  actor: String(row['actor']),
  address: textOf(row['address']),
  client: textOf(row['client']),
  requestId: textOf(row['request_id']),
  previous: String(row['previous']),
  hash: String(row['hash']),
});

const read = (database: Database, filter: TagHistoryFilter): readonly TagMove[] => {
  const { repository, tag, after = 0, before = Number.MAX_SAFE_INTEGER, limit, newestFirst = false } = filter;
  const wanted: readonly (readonly [string, SqlValue])[] = [
    ['id > ?', after],
    ['id < ?', before],
    ...(repository === undefined ? [] : [['repository = ?', repository] as const]),
    ...(tag === undefined ? [] : [['tag = ?', tag] as const]),
  ];
  const where = wanted.map(([condition]) => condition).join(' AND ');
  return database
    .all(
      `SELECT * FROM tag_history WHERE ${where} ORDER BY id ${newestFirst ? 'DESC' : 'ASC'} LIMIT ?`,
      ...wanted.map(([, value]) => value),
      limit,
    )
    .map(moveOf);
};

/** Where a tag shall point to. @throws what `TagHistory.restore` does */
const digestAt = (database: Database, { repository, tag, point }: TagRestore): Digest => {
  const name = `${repository}:${tag}`;
  const one = (condition: string, ...params: readonly SqlValue[]): TagMove | undefined => {
    const row = database.get(
      `SELECT * FROM tag_history WHERE repository = ? AND tag = ? AND ${condition} ORDER BY id DESC LIMIT 1`,
      repository,
      tag,
      ...params,
    );
    return row === undefined ? undefined : moveOf(row);
  };
  if (point.kind === 'previous') {
    const last = one('TRUE');
    if (last === undefined) throw metadataErrors.tagHistoryUnknown({ name });
    if (last.from === undefined) throw metadataErrors.tagWasAbsent({ name, when: 'before its last move' });
    return last.from;
  }
  const move = point.kind === 'entry' ? one('id = ?', point.id) : one('at_ms <= ?', point.atMs);
  const when =
    point.kind === 'entry' ? `after entry ${point.id}` : `at ${new Date(point.atMs).toISOString()}`;
  if (move === undefined && point.kind === 'entry')
    throw metadataErrors.tagHistoryUnknown({ name, id: point.id });
  if (move?.to === undefined) throw metadataErrors.tagWasAbsent({ name, when });
  return move.to;
};

/** The newest removal whose undo brings the manifest back. */
const removalOf = (database: Database, repository: string, digest: Digest): string | undefined =>
  textOf(
    database.get(
      `SELECT r.id FROM removed_manifests m JOIN removals r ON r.id = m.removal
       WHERE m.repository = ? AND m.digest = ? AND r.purged_ms IS NULL ORDER BY r.id DESC LIMIT 1`,
      repository,
      digest,
    )?.['id'],
  );

type Guards = Pick<ContentGuards, 'requireMovable' | 'tagStatement'>;

const restoring = async (
  database: Database,
  journal: JournalWriter,
  guards: Guards,
  restore: TagRestore,
): Promise<RestoredTag> => {
  const { repository, tag, cause } = restore;
  const digest = digestAt(database, restore);
  const now = database.get('SELECT digest FROM tags WHERE repository = ? AND name = ?', repository, tag);
  if (now?.['digest'] === digest) return { digest, moved: false };
  guards.requireMovable(repository, tag, digest);
  const entry = journal.statement({
    action: 'push',
    outcome: 'done',
    repository,
    tag,
    digest,
    reason: 'the tag was restored',
    cause,
  });
  try {
    await database.write([
      ...tagMoveStatements(cause, 'restore', [guards.tagStatement(repository, tag, digest)]),
      entry,
    ]);
  } catch (error) {
    if (!isLadeError(error, 'conflict')) throw error;
    guards.requireMovable(repository, tag, digest);
    const removal = removalOf(database, repository, digest);
    throw metadataErrors.restoreManifestGone({ name: `${repository}:${tag}`, digest, removal }, error);
  }
  journal.appended();
  return { digest, moved: true };
};

/** The history of tags in an open database that has this room's migrations. */
export const createTagHistory = (database: Database, journal: JournalWriter, guards: Guards): TagHistory => ({
  entries: (filter) => read(database, filter),
  head: () => {
    const row = database.get('SELECT id, hash FROM tag_history ORDER BY id DESC LIMIT 1');
    return { id: Number(row?.['id'] ?? 0), hash: textOf(row?.['hash']) ?? CHAIN_START };
  },
  verify: (options = {}) => verifyHistory(database, moveOf, options),
  restore: (restore) => restoring(database, journal, guards, restore),
});
