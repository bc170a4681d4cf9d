import type { Database, Statement } from '#database';
import { isLadeError } from '#errors';
import type { Digest } from '#oci';
import { metadataErrors } from './errors.ts';
import type { Policies } from './policy-types.ts';
import type { Quotas } from './quotas.ts';
import type { TagMoveReason } from './tag-history-types.ts';
import type { BlobLink, ManifestPut } from './types.ts';

const ATTEMPTS = 5;

/** Moves that rules about tags do not bind: tags of an upstream follow it, and retention is a rule itself. */
const UNBOUND: ReadonlySet<TagMoveReason | undefined> = new Set(['upstream', 'retention']);

/** Keeps writes to the rules, inside their transaction, and says afterwards which rule it was. */
export interface ContentGuards {
  /** Points a tag to a manifest; changes no row where a write-once tag points elsewhere, so that the transaction fails. */
  tagStatement(repository: string, tag: string, digest: Digest, reason?: TagMoveReason): Statement;
  /** Keeps a put to what it expects of its tags. @throws METADATA_TAG_MOVED when they are something else now */
  expectedTags(put: ManifestPut): readonly Statement[];
  /** @throws METADATA_TAG_WRITE_ONCE when the tag is write-once and points elsewhere */
  requireMovable(repository: string, tag: string, digest: Digest): void;
  /** Throws the first reason why a put cannot be: blobs, then tags, then quotas. */
  requirePut(put: ManifestPut): void;
  requireLink(link: BlobLink): void;
  /** @throws METADATA_TAG_WRITE_ONCE */
  requireDeletable(repository: string, tags: readonly string[], reason?: TagMoveReason): void;
  /** Fails the transaction of a removal when the manifest has other tags than these by now. */
  sameTags(repository: string, digest: Digest, tags: readonly string[]): Statement;
  /**
   * Writes; when the transaction fails, `reason` throws why. Where it finds no reason any more, somebody was faster and
   * it is tried again, so that the same situation always gets the same answer.
   */
  attempt(write: () => Promise<void>, reason: () => void): Promise<void>;
}

const attempt: ContentGuards['attempt'] = async (write, reason) => {
  for (let left = ATTEMPTS; ; left -= 1) {
    try {
      return await write();
    } catch (error) {
      if (!isLadeError(error, 'conflict')) throw error;
      reason();
      if (left === 1) throw error;
    }
  }
};

const sameTags: ContentGuards['sameTags'] = (repository, digest, tags) => ({
  sql: `UPDATE repositories SET created_ms = created_ms WHERE name = ?1 AND NOT EXISTS (
          SELECT 1 FROM tags WHERE repository = ?1 AND digest = ?2 AND name NOT IN (SELECT value FROM json_each(?3)))`,
  params: [repository, digest, JSON.stringify(tags)],
  expectChanges: 1,
});

/** Guards for content written to an open database. */
export const createContentGuards = (
  database: Database,
  policies: Policies,
  quotas: Quotas,
): ContentGuards => {
  const isLinked = (repository: string, digest: Digest): boolean =>
    database.get('SELECT 1 FROM links WHERE repository = ? AND digest = ?', repository, digest) !== undefined;

  const requireMovable = (repository: string, tag: string, digest: Digest): void => {
    if (!policies.tag(repository, tag).writeOnce) return;
    const row = database.get('SELECT digest FROM tags WHERE repository = ? AND name = ?', repository, tag);
    if (row !== undefined && row['digest'] !== digest)
      throw metadataErrors.tagWriteOnce({ repository, tag, digest: String(row['digest']) });
  };

  const taggedAs = (repository: string, tag: string): Digest | undefined =>
    database.get('SELECT digest FROM tags WHERE repository = ? AND name = ?', repository, tag)?.['digest'] as
      | Digest
      | undefined;

  /** Fails the transaction when the tag names something else by then. */
  const stillTagged = (repository: string, tag: string, digest: Digest | undefined): Statement => ({
    sql: `UPDATE repositories SET created_ms = created_ms
          WHERE name = ?1 AND (SELECT digest FROM tags WHERE repository = ?1 AND name = ?2) IS ?3`,
    params: [repository, tag, digest ?? null],
    expectChanges: 1,
  });

  return {
    expectedTags: ({ repository, tags, expected }) =>
      expected === undefined
        ? []
        : tags.map((tag) => {
            const current = taggedAs(repository, tag);
            if (expected(current)) return stillTagged(repository, tag, current);
            throw metadataErrors.tagMoved({ repository, tag, digest: current ?? 'not there' });
          }),
    tagStatement: (repository, tag, digest, reason) => ({
      sql: `INSERT INTO tags VALUES (?, ?, ?, ?) ON CONFLICT (repository, name)
            DO UPDATE SET digest = excluded.digest, updated_ms = excluded.updated_ms
            ${!UNBOUND.has(reason) && policies.tag(repository, tag).writeOnce ? 'WHERE tags.digest = excluded.digest' : ''}`,
      params: [repository, tag, digest, Date.now()],
      expectChanges: 1,
    }),
    requireMovable,
    requirePut: ({ repository, digest, bytes, facts, tags, reason }) => {
      const missing = facts.blobs.filter((blob) => !isLinked(repository, blob));
      if (missing.length > 0) throw metadataErrors.manifestBlobUnknown({ digests: missing });
      if (!UNBOUND.has(reason)) for (const tag of tags) requireMovable(repository, tag, digest);
      quotas.requireDemand({ repository, holder: 'manifests', digest, size: bytes.length });
    },
    requireLink: ({ repository, digest, size }) =>
      quotas.requireDemand({ repository, holder: 'links', digest, size }),
    requireDeletable: (repository, tags, reason) => {
      if (UNBOUND.has(reason)) return;
      const kept = tags.find((tag) => !policies.tag(repository, tag).deletable);
      if (kept !== undefined) throw metadataErrors.tagNotDeletable({ repository, tag: kept });
    },
    sameTags,
    attempt,
  };
};
