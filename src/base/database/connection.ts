import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { addFunctions } from './functions.ts';

const KEPT_STATEMENTS = 200;
const BUSY_TIMEOUT_MS = 10_000;
const CACHE_KIB = 1024;

export interface Connection {
  readonly sqlite: DatabaseSync;
  /** A prepared statement, kept for the next call with the same text. */
  prepare(sql: string): StatementSync;
  close(): void;
}

/** Opens with the settings that every connection of the project has. */
export const openConnection = (path: string, readOnly: boolean): Connection => {
  const sqlite = new DatabaseSync(path, { readOnly, timeout: BUSY_TIMEOUT_MS });
  if (!readOnly) sqlite.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL');
  sqlite.exec(`PRAGMA foreign_keys = ON; PRAGMA cache_size = -${CACHE_KIB}`);
  addFunctions(sqlite);
  const statements = new Map<string, StatementSync>();
  return {
    sqlite,
    prepare(sql) {
      const known = statements.get(sql);
      if (known !== undefined) return known;
      const made = sqlite.prepare(sql);
      const [oldest] = statements.keys();
      if (statements.size >= KEPT_STATEMENTS && oldest !== undefined) statements.delete(oldest);
      statements.set(sql, made);
      return made;
    },
    close() {
      statements.clear();
      sqlite.close();
    },
  };
};
