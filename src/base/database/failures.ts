import type { LadeError } from '#errors';
import { databaseErrors } from './errors.ts';

/** A failure as data, so that it can cross from the writer thread. */
export type CarriedFailure =
  | { readonly kind: 'changes'; readonly sql: string; readonly expected: number; readonly actual: number }
  | { readonly kind: 'sqlite'; readonly sql: string; readonly message: string; readonly code: number };

/** Result codes of sqlite3.h, primary part. */
const SQLITE = { IOERR: 10, FULL: 13, CONSTRAINT: 19, CORRUPT: 11, NOTADB: 26 } as const;

/** The kinds of failure that a full disk shows as: SQLite names not all of them so. */
export const isFull = (failure: CarriedFailure): boolean =>
  failure.kind === 'sqlite' && (failure.code === SQLITE.FULL || failure.code === SQLITE.IOERR);

/** Anything node:sqlite threw, as data. */
export const sqliteFailure = (error: unknown, sql: string): CarriedFailure => {
  const code = error instanceof Error && 'errcode' in error ? Number(error.errcode) & 0xff : 0;
  return { kind: 'sqlite', sql, message: error instanceof Error ? error.message : String(error), code };
};

/** The error of this room for a failure on the database at `path`. */
export const failureError = (failure: CarriedFailure, path: string): LadeError => {
  if (failure.kind === 'changes') return databaseErrors.unexpectedChanges(failure);
  const { code, message, sql } = failure;
  if (code === SQLITE.CONSTRAINT) return databaseErrors.constraintFailed({ message });
  if (code === SQLITE.FULL) return databaseErrors.diskFull({ message });
  if (code === SQLITE.CORRUPT || code === SQLITE.NOTADB) return databaseErrors.fileDamaged({ path, message });
  return databaseErrors.statementFailed({ message, sql });
};
