import type { Connection } from './connection.ts';

/** Decides whether the commits of a connection in WAL mode are written back. */
export interface Durability {
  /** Before a transaction begins: whether its commit is written back, and all before it. */
  prepare(durable: boolean): void;
  /** Inside the transaction. */
  begun(): void;
  /** After the transaction was committed. */
  committed(changed: boolean): void;
}

const LARGEST = 2 ** 31 - 1;

/**
 * The log is one file that is only appended to, so that its write-back covers all commits before, and SQLite undoes a
 * commit whose write-back fails. But it writes nothing back for one that appends nothing, as when rows are changed to
 * what they were. So a durable commit with others behind it counts up the version of the user (`PRAGMA user_version`),
 * which means nothing here and is a page to append.
 */
export const createDurability = ({ sqlite }: Connection): Durability => {
  let [durable, behind] = [true, false];
  let count = Number(sqlite.prepare('PRAGMA user_version').get()?.['user_version'] ?? 0);
  return {
    prepare(wanted) {
      if (durable === wanted) return;
      sqlite.exec(`PRAGMA synchronous = ${wanted ? 'FULL' : 'NORMAL'}`);
      durable = wanted;
    },
    begun() {
      if (!durable || !behind) return;
      count = count === LARGEST ? 1 : count + 1;
      sqlite.exec(`PRAGMA user_version = ${count}`);
    },
    committed(changed) {
      behind = !durable && (behind || changed);
    },
  };
};
