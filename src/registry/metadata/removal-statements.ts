import { randomBytes } from 'node:crypto';
import type { SqlValue, Statement } from '#database';
import type { RemovalKind } from './collection-types.ts';

/** An id that sorts by the time it was made. */
export const newRemovalId = (nowMs: number): string =>
  `${nowMs.toString(36).padStart(9, '0')}${randomBytes(3).toString('hex')}`;

interface NewRecord {
  readonly id: string;
  readonly kind: RemovalKind;
  readonly actor: string;
  readonly nowMs: number;
}

export const insertRemoval = ({ id, kind, actor, nowMs }: NewRecord): Statement => ({
  sql: `INSERT INTO removals (id, kind, actor, started_ms, finished_ms) VALUES (?, ?, ?, ?, ?)`,
  params: [id, kind, actor, nowMs, kind === 'delete' ? nowMs : null],
});

/** The removal that the copies belong to, and why. */
export interface CopyOptions {
  readonly removal: string;
  readonly repository: string;
  readonly reason: string;
}

/** Copies a manifest and what it refers to. */
export const copyManifest = (
  { removal, repository, reason }: CopyOptions,
  digest: string,
): readonly Statement[] => [
  {
    sql: `INSERT INTO removed_manifests SELECT ?1, repository, digest, media_type, size, artifact_type, subject,
            annotations, pushed_ms, ?4 FROM manifests WHERE repository = ?2 AND digest = ?3
          ON CONFLICT DO UPDATE SET pushed_ms = excluded.pushed_ms, reason = excluded.reason`,
    params: [removal, repository, digest, reason],
  },
  {
    sql: `INSERT INTO removed_edges SELECT ?1, repository, manifest, digest, kind FROM edges
          WHERE repository = ?2 AND manifest = ?3 ON CONFLICT DO NOTHING`,
    params: [removal, repository, digest],
  },
];

const copyTags = (where: string, params: readonly SqlValue[]): Statement => ({
  sql: `INSERT INTO removed_tags SELECT ?1, repository, name, digest, updated_ms, ?4 FROM tags
        WHERE repository = ?2 AND ${where} = ?3
        ON CONFLICT DO UPDATE SET digest = excluded.digest, updated_ms = excluded.updated_ms`,
  params,
});

/** Copies the tags of a manifest. */
export const copyTagsOf = ({ removal, repository, reason }: CopyOptions, digest: string): Statement =>
  copyTags('digest', [removal, repository, digest, reason]);

export const copyTag = ({ removal, repository, reason }: CopyOptions, name: string): Statement =>
  copyTags('name', [removal, repository, name, reason]);

export const copyLink = ({ removal, repository, reason }: CopyOptions, digest: string): Statement => ({
  sql: `INSERT INTO removed_links SELECT ?1, repository, digest, linked_ms, ?4 FROM links
        WHERE repository = ?2 AND digest = ?3 ON CONFLICT DO NOTHING`,
  params: [removal, repository, digest, reason],
});

type Copy = (options: CopyOptions) => readonly Statement[];

/** What a client deletes is kept for an undo, in the transaction of the delete: a removal of its own. */
export const keptForUndo = (repository: string, actor: string, copy: Copy): readonly Statement[] => {
  const nowMs = Date.now();
  const removal = newRemovalId(nowMs);
  return [
    insertRemoval({ id: removal, kind: 'delete', actor, nowMs }),
    ...copy({ removal, repository, reason: `deleted by ${actor}` }),
  ];
};
