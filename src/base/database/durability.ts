import { closeSync, existsSync, fdatasyncSync, openSync } from 'node:fs';
import type { Connection } from './connection.ts';

/** Decides whether the commits of a connection in WAL mode are written back. */
export interface Durability {
  /** Of the next commits. Not inside a transaction. */
  set(durable: boolean): void;
  /** After a commit: writes back what earlier ones left, unless this one did. `changed`: it was not empty. */
  settle(changed: boolean): void;
}

const syncFile = (path: string): void => {
  // Without a log everything is in the database, and there by a checkpoint, which writes it back.
  if (!existsSync(path)) return;
  const fd = openSync(path, 'r');
  try {
    fdatasyncSync(fd);
  } finally {
    closeSync(fd);
  }
};

/**
 * The log is one file that is only appended to, so that its write-back by a durable commit covers all commits before. A
 * commit without changes appends nothing and writes nothing back.
 */
export const createDurability = (connection: Connection, path: string): Durability => {
  let durable = true;
  let behind = false;
  return {
    set(wanted) {
      if (wanted === durable) return;
      connection.sqlite.exec(`PRAGMA synchronous = ${wanted ? 'FULL' : 'NORMAL'}`);
      durable = wanted;
    },
    settle(changed) {
      if (!durable) {
        behind ||= changed;
        return;
      }
      if (behind && !changed) syncFile(`${path}-wal`);
      behind = false;
    },
  };
};
