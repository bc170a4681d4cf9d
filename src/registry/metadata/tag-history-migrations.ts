import type { Migration } from '#database';
import { CHAIN_START } from './tag-chain.ts';

const NOW = "CAST(unixepoch('subsec') * 1000 AS INTEGER)";

/** An entry for a row of `tags` that came, changed or went; who did it stands in `tag_cause`. */
const record = (row: 'new' | 'old', from: string, to: string): string => `
  INSERT INTO tag_history (at_ms, repository, tag, from_digest, to_digest, reason, actor, address, client, request_id)
  SELECT ${NOW}, ${row}.repository, ${row}.name, ${from}, ${to}, coalesce(cause.reason, 'unknown'),
    coalesce(cause.actor, 'system:registry'), cause.address, cause.client, cause.request_id
  FROM (SELECT 1) LEFT JOIN tag_cause AS cause;`;

/**
 * The history of tags. Triggers write it, so that no statement on `tags` can go without an entry, removals by foreign
 * keys included. (`REPLACE` would fire none for what it removes: not to be used on `tags`.)
 */
export const tagHistoryMigrations: readonly Migration[] = [
  {
    room: 'registry-tag-history',
    version: 1,
    sql: `
      CREATE TABLE tag_cause (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        reason TEXT NOT NULL,
        actor TEXT NOT NULL,
        address TEXT,
        client TEXT,
        request_id TEXT
      ) STRICT;
      INSERT INTO tag_cause VALUES (1, 'unknown', 'system:registry', NULL, NULL, NULL);
      CREATE TABLE tag_history (
        id INTEGER PRIMARY KEY,
        at_ms INTEGER NOT NULL,
        repository TEXT NOT NULL,
        tag TEXT NOT NULL,
        from_digest TEXT,
        to_digest TEXT,
        reason TEXT NOT NULL,
        actor TEXT NOT NULL,
        address TEXT,
        client TEXT,
        request_id TEXT,
        previous TEXT NOT NULL DEFAULT '',
        hash TEXT NOT NULL DEFAULT ''
      ) STRICT;
      CREATE INDEX tag_history_tag ON tag_history (repository, tag, id);
      CREATE TRIGGER tag_history_chained AFTER INSERT ON tag_history BEGIN
        UPDATE tag_history
        SET previous = coalesce((SELECT hash FROM tag_history WHERE id = new.id - 1), '${CHAIN_START}')
        WHERE id = new.id;
        UPDATE tag_history
        SET hash = sha256(json_array(id, at_ms, repository, tag, from_digest, to_digest, reason, actor, address,
          client, request_id, previous))
        WHERE id = new.id;
      END;
      CREATE TRIGGER tag_history_not_changed BEFORE UPDATE ON tag_history WHEN old.hash <> '' BEGIN
        SELECT RAISE(ABORT, 'the history of tags is append-only');
      END;
      CREATE TRIGGER tag_history_not_removed BEFORE DELETE ON tag_history BEGIN
        SELECT RAISE(ABORT, 'the history of tags is append-only');
      END;
      INSERT INTO tag_history (at_ms, repository, tag, to_digest, reason, actor)
        SELECT ${NOW}, repository, name, digest, 'found', 'system:registry' FROM tags ORDER BY repository, name;
      CREATE TRIGGER tags_made AFTER INSERT ON tags BEGIN ${record('new', 'NULL', 'new.digest')} END;
      CREATE TRIGGER tags_moved AFTER UPDATE OF digest ON tags WHEN new.digest <> old.digest
        BEGIN ${record('new', 'old.digest', 'new.digest')} END;
      CREATE TRIGGER tags_removed AFTER DELETE ON tags BEGIN ${record('old', 'old.digest', 'NULL')} END;
    `,
  },
];
