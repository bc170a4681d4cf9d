import type { Statement } from '#database';
import { oneLine } from './journal.ts';
import type { TagMoveReason } from './tag-history-types.ts';
import type { Cause } from './types.ts';

/** Not a removal: what only removes may use the last space of a disk. */
const CLEAR: Statement = {
  sql: `UPDATE tag_cause SET reason = 'unknown', actor = 'system:registry', address = NULL, client = NULL,
        request_id = NULL`,
};

/**
 * Statements that move or remove tags, also by removing their manifests, with who does it and why around them: the
 * entries that they make in the history of tags tell of it. To be written as one transaction.
 */
export const tagMoveStatements = (
  cause: Cause,
  reason: TagMoveReason,
  statements: readonly Statement[],
): readonly Statement[] => [
  {
    sql: 'UPDATE tag_cause SET reason = ?, actor = ?, address = ?, client = ?, request_id = ?',
    params: [
      reason,
      oneLine(cause.actor) ?? '',
      oneLine(cause.address) ?? null,
      oneLine(cause.client) ?? null,
      oneLine(cause.requestId) ?? null,
    ],
  },
  ...statements,
  CLEAR,
];
