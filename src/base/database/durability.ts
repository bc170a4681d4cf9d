import { closeSync, existsSync, fdatasyncSync, fsyncSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Connection } from './connection.ts';

/** Decides whether the commits of a connection in WAL mode are written back. */
export interface Durability {
  /** Of the next commits. Not inside a transaction. */
  set(durable: boolean): void;
  /** After a commit: writes back what earlier ones left, where this one is durable. `changed`: it was not empty. */
  settle(changed: boolean): void;
}

const withFile = (path: string, use: (fd: number) => void): void => {
  const fd = openSync(path, 'r');
  try {
    use(fd);
  } finally {
    closeSync(fd);
  }
};

const logOf = (path: string): string => `${path}-wal`;

/** Writes back the log. Without one everything is in the database, and there by a checkpoint, which writes it back. */
const syncLog = (path: string): void => {
  if (existsSync(logOf(path))) withFile(logOf(path), fdatasyncSync);
};

/**
 * The log is one file that is only appended to, so that its write-back covers all commits before. SQLite does not write
 * it back for a commit that appends nothing, as one whose rows are changed to what they were: a durable commit with
 * others behind it is written back here.
 */
export const createDurability = (connection: Connection, path: string): Durability => {
  let [durable, full] = [true, true];
  let behind = false;
  let named = false;
  const writeBack = (): void => {
    syncLog(path);
    // SQLite does this with its own first write-back of a log that it made.
    if (!named) withFile(dirname(path), fsyncSync);
    named = true;
  };
  return {
    set(wanted) {
      durable = wanted;
      const bySqlite = durable && !behind;
      if (bySqlite === full) return;
      connection.sqlite.exec(`PRAGMA synchronous = ${bySqlite ? 'FULL' : 'NORMAL'}`);
      full = bySqlite;
    },
    settle(changed) {
      if (!durable) {
        behind ||= changed;
        return;
      }
      if (behind) writeBack();
      behind = false;
    },
  };
};
