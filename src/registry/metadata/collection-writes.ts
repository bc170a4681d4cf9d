import type { Database, Statement } from '#database';
import { isLadeError } from '#errors';
import type {
  CollectionStore,
  LinkRemoval,
  ManifestRemoval,
  NewRemoval,
  RemovalUnit,
  TagRemoval,
} from './collection-types.ts';
import type { JournalWriter } from './journal.ts';
import {
  copyManifest,
  copyTag,
  insertRemoval,
  newRemovalId,
  type CopyOptions,
} from './removal-statements.ts';
import { createRemovalReads } from './removal-reads.ts';
import { tagMoveStatements } from './tag-cause.ts';
import type { Cause, NewEntry } from './types.ts';

const LATER = { durable: false } as const;

const dropTag = (copy: CopyOptions, { name, digest, pushedMs }: TagRemoval): readonly Statement[] => [
  copyTag(copy, name),
  {
    sql: 'DELETE FROM tags WHERE repository = ? AND name = ? AND digest = ? AND updated_ms = ?',
    params: [copy.repository, name, digest, pushedMs],
    expectChanges: 1,
  },
];

/** Holds only while nothing of the repository refers to the manifest. */
const dropManifest = (copy: CopyOptions, { digest, pushedMs }: ManifestRemoval): readonly Statement[] => [
  ...copyManifest(copy, digest),
  {
    sql: `DELETE FROM manifests WHERE repository = ?1 AND digest = ?2 AND pushed_ms = ?3
          AND NOT EXISTS (SELECT 1 FROM tags WHERE repository = ?1 AND digest = ?2)
          AND NOT EXISTS (SELECT 1 FROM edges WHERE repository = ?1 AND digest = ?2)
          AND NOT EXISTS (SELECT 1 FROM manifests r WHERE r.repository = ?1 AND r.subject = ?2)`,
    params: [copy.repository, digest, pushedMs],
    expectChanges: 1,
  },
];

const entriesOf = ({ repository, tags, manifests }: RemovalUnit, cause: Cause): readonly NewEntry[] => [
  ...tags.map(({ name, digest, reason }) => ({
    action: 'delete' as const,
    outcome: 'done' as const,
    repository,
    tag: name,
    digest,
    reason,
    cause,
  })),
  ...manifests.map(({ digest, mediaType, size, reason }) => ({
    action: 'delete' as const,
    outcome: 'done' as const,
    repository,
    digest,
    mediaType,
    size,
    reason,
    cause,
  })),
];

const FREE = `l.linked_ms < ?4
  AND NOT EXISTS (SELECT 1 FROM edges e WHERE e.repository = l.repository AND e.digest = l.digest)`;

const dropLinks = (
  removal: string,
  { repository, digests, reason, beforeMs }: LinkRemoval,
): readonly Statement[] => {
  const list = JSON.stringify(digests);
  return [
    {
      sql: `INSERT INTO removed_links SELECT ?1, l.repository, l.digest, l.linked_ms, ?5 FROM links l
            WHERE l.repository = ?2 AND l.digest IN (SELECT value FROM json_each(?3)) AND ${FREE}
            ON CONFLICT DO UPDATE SET linked_ms = excluded.linked_ms`,
      params: [removal, repository, list, beforeMs, reason],
    },
    {
      sql: `DELETE FROM links AS l WHERE l.repository = ?2
            AND l.digest IN (SELECT value FROM json_each(?3)) AND ${FREE} AND ?1 <> ''`,
      params: [removal, repository, list, beforeMs],
    },
  ];
};

const TOTALS = `json_object(
  'manifests', (SELECT count(*) FROM removed_manifests WHERE removal = ?1),
  'tags', (SELECT count(*) FROM removed_tags WHERE removal = ?1),
  'links', (SELECT count(*) FROM removed_links WHERE removal = ?1),
  'bytes', (SELECT coalesce(sum(size), 0) FROM removed_manifests WHERE removal = ?1)
    + (SELECT coalesce(sum(size), 0) FROM removed_links JOIN blobs USING (digest) WHERE removal = ?1))`;

/** What `CollectionStore` removes. */
export const createCollectionWrites = (database: Database, journal: JournalWriter) => {
  const reads = createRemovalReads(database);

  const interrupted = (kind: string): string | undefined => {
    const row = database.get(
      'SELECT id FROM removals WHERE kind = ? AND finished_ms IS NULL AND emptied = 0 ORDER BY id DESC LIMIT 1',
      kind,
    );
    return row === undefined ? undefined : String(row['id']);
  };

  return {
    ...reads,
    beginRemoval: async ({ kind, cause }: NewRemoval) => {
      const before = interrupted(kind);
      if (before !== undefined) return before;
      const nowMs = Date.now();
      const id = newRemovalId(nowMs);
      await database.write([insertRemoval({ id, kind, actor: cause.actor, nowMs })], LATER);
      return id;
    },
    removeUnit: async (removal: string, unit: RemovalUnit, cause: Cause) => {
      const { repository } = unit;
      const copied = (reason: string): CopyOptions => ({ removal, repository, reason });
      try {
        await database.write(
          [
            ...tagMoveStatements(cause, 'retention', [
              ...unit.tags.flatMap((tag) => dropTag(copied(tag.reason), tag)),
              ...unit.manifests.flatMap((manifest) => dropManifest(copied(manifest.reason), manifest)),
            ]),
            ...entriesOf(unit, cause).map((entry) => journal.statement(entry)),
          ],
          LATER,
        );
        journal.appended();
        return true;
      } catch (error) {
        if (isLadeError(error, 'conflict')) return false;
        throw error;
      }
    },
    removeLinks: async (removal: string, links: LinkRemoval) => {
      const { repository, digests } = links;
      const [, dropped] = await database.write(dropLinks(removal, links), LATER);
      if (dropped?.changes === digests.length) return digests;
      const stayed = new Set(
        database
          .all(
            'SELECT digest FROM links WHERE repository = ? AND digest IN (SELECT value FROM json_each(?))',
            repository,
            JSON.stringify(digests),
          )
          .map((row) => String(row['digest'])),
      );
      return digests.filter((digest) => !stayed.has(digest));
    },
    finishRemoval: async (removal: string, cause: Cause) => {
      await database.write([
        {
          sql: `UPDATE removals SET finished_ms = ?2, totals = ${TOTALS} WHERE id = ?1`,
          params: [removal, Date.now()],
        },
        {
          sql: `DELETE FROM removals WHERE id = ?1
                AND NOT EXISTS (SELECT 1 FROM removed_manifests WHERE removal = ?1)
                AND NOT EXISTS (SELECT 1 FROM removed_tags WHERE removal = ?1)
                AND NOT EXISTS (SELECT 1 FROM removed_links WHERE removal = ?1)`,
          params: [removal],
        },
      ]);
      const record = reads.removal(removal);
      if (record === undefined) return undefined;
      const { manifests, tags, links, bytes } = record.totals;
      const reason = `${record.kind} ${removal} removed ${tags} tags, ${manifests} manifests, ${links} blobs, ${bytes} bytes`;
      await journal.append([{ action: 'administer', outcome: 'done', reason, cause }]);
      return record;
    },
  } satisfies Partial<CollectionStore>;
};
