import { hash } from 'node:crypto';
import { closeSync, constants, fstatSync, openSync, readFileSync, type BigIntStats } from 'node:fs';
import type { Database, Row, Statement } from '#database';
import { fsPath } from '#tar';
import { hashFile } from '#work';
import { createTreeMemory, type TreeLooks } from './tree-memory.ts';

/** The sha256 of files, without reading those again whose stat did not change. */
export interface FileDigests {
  /** Hex digest of the file `name` below the root; `stats` is its present lstat. */
  digest(name: string, stats: BigIntStats, signal: AbortSignal): Promise<string> | string;
  /** How the files are looked at; each time anew where it is absent. */
  readonly looks?: TreeLooks | undefined;
  /** Reads a file again next time: it has other content than was remembered under its stat. */
  forget?(name: string): void;
  /** Remembers new digests for later builds. */
  flush(): Promise<void>;
}

interface Entry {
  readonly size: bigint;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
  readonly ino: bigint;
  /** Another file system in the same place may have all the rest in common. */
  readonly dev: bigint;
  readonly digest: string;
  /** The stat that was found to be this one last. */
  seen?: BigIntStats | undefined;
}

interface FileRow extends Row {
  readonly path: string;
  readonly size: number;
  readonly mtime_ns: string;
  readonly ctime_ns: string;
  readonly ino: string;
  readonly dev: string;
  readonly digest: string;
}

/** A file this young when it was hashed may change again without its time telling. */
const CLOCK_TICK_NS = 2_000_000_000n;
const NS_PER_MS = 1_000_000n;
/** Files up to here are hashed on this thread; larger ones in a worker. */
const INLINE_BYTES = 256n * 1024n;
/** Roots whose digests stay in memory. */
const MAX_ROOTS = 8;
/** Trees of which all stats stay in memory, and for how long after the last build. */
const MAX_MEMORIES = 2;
const MEMORY_MS = 10 * 60 * 1000;

const INSERT = `
  INSERT INTO build_files (root, path, size, mtime_ns, ctime_ns, ino, dev, digest)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?)
  ON CONFLICT (root, path) DO UPDATE SET size = excluded.size, mtime_ns = excluded.mtime_ns,
    ctime_ns = excluded.ctime_ns, ino = excluded.ino, dev = excluded.dev, digest = excluded.digest`;
const DELETE = 'DELETE FROM build_files WHERE root = ? AND path = ?';

const sameFile = (entry: Omit<Entry, 'digest' | 'seen'>, stats: BigIntStats): boolean =>
  entry.size === stats.size &&
  entry.mtimeNs === stats.mtimeNs &&
  entry.ctimeNs === stats.ctimeNs &&
  entry.ino === stats.ino &&
  entry.dev === stats.dev;

const isSettled = (stats: BigIntStats): boolean => {
  const newest = stats.mtimeNs > stats.ctimeNs ? stats.mtimeNs : stats.ctimeNs;
  return BigInt(Date.now()) * NS_PER_MS - newest > CLOCK_TICK_NS;
};

const load = (database: Database, root: string): Map<string, Entry> => {
  const sql = 'SELECT path, size, mtime_ns, ctime_ns, ino, dev, digest FROM build_files WHERE root = ?';
  return new Map(
    database.all<FileRow>(sql, root).map((row) => [
      row.path,
      {
        size: BigInt(row.size),
        mtimeNs: BigInt(row.mtime_ns),
        ctimeNs: BigInt(row.ctime_ns),
        ino: BigInt(row.ino),
        dev: BigInt(row.dev),
        digest: row.digest,
      },
    ]),
  );
};

/** What was read, and of which state of which file. */
interface Reading {
  readonly digest: string;
  /** After the last byte was read. */
  readonly stats: BigIntStats;
}

const FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/**
 * Reads the file that is open, whatever becomes of its name: directories above it may be exchanged meanwhile, and then
 * the stat tells that it is another file.
 */
const read = async (path: string, size: bigint, signal: AbortSignal): Promise<Reading> => {
  const fd = openSync(fsPath(path), FLAGS);
  try {
    const digest =
      size <= INLINE_BYTES
        ? hash('sha256', readFileSync(fd))
        : await hashFile(`/proc/self/fd/${fd}`, { signal });
    return { digest, stats: fstatSync(fd, { bigint: true }) };
  } finally {
    closeSync(fd);
  }
};

/** Digests of the files of directories that stay where they are, kept from build to build. */
export interface DigestStore {
  open(root: string): FileDigests;
  /**
   * The same store, which forgets what it knows of a root when that is opened: each file is read again, whatever its
   * stat says, and that is remembered. For whoever does not trust the stat: memory that is mapped can be written without
   * a new time, and a file system that comes back may have the numbers of another one.
   */
  afresh(): DigestStore;
}

/** Remembers how the trees that were built last look; while nobody builds, it forgets. */
const createTreeMemories = (): {
  readonly open: (root: string) => TreeLooks;
  readonly forget: (root: string) => void;
} => {
  const memories = new Map<string, TreeLooks>();
  let timer: NodeJS.Timeout | undefined;
  const open = (root: string): TreeLooks => {
    const looks = memories.get(root) ?? createTreeMemory(root);
    memories.delete(root);
    memories.set(root, looks);
    const oldest = memories.size > MAX_MEMORIES ? memories.keys().next().value : undefined;
    if (oldest !== undefined) memories.delete(oldest);
    clearTimeout(timer);
    timer = setTimeout(() => memories.clear(), MEMORY_MS).unref();
    return looks;
  };
  return { open, forget: (root) => void memories.delete(root) };
};

export const createDigestStore = (database: Database): DigestStore => {
  const roots = new Map<string, Map<string, Entry>>();
  const entriesOf = (root: string): Map<string, Entry> => {
    const entries = roots.get(root) ?? load(database, root);
    roots.delete(root);
    roots.set(root, entries);
    const oldest = roots.size > MAX_ROOTS ? roots.keys().next().value : undefined;
    if (oldest !== undefined) roots.delete(oldest);
    return entries;
  };
  const memories = createTreeMemories();
  const store: DigestStore = {
    afresh: () => ({
      afresh: () => store.afresh(),
      open(root) {
        roots.set(root, new Map());
        memories.forget(root);
        return store.open(root);
      },
    }),
    open(root) {
      const entries = entriesOf(root);
      const pending: Statement[] = [];
      const readNew = async (name: string, stats: BigIntStats, signal: AbortSignal): Promise<string> => {
        const settled = isSettled(stats);
        const { digest, stats: after } = await read(`${root}/${name}`, stats.size, signal);
        // What is remembered must be of the very file whose stat it is kept under.
        if (!settled || !sameFile(after, stats)) return digest;
        const { size, mtimeNs, ctimeNs, ino, dev } = stats;
        entries.set(name, { size, mtimeNs, ctimeNs, ino, dev, digest, seen: stats });
        pending.push({
          sql: INSERT,
          params: [root, name, Number(size), `${mtimeNs}`, `${ctimeNs}`, `${ino}`, `${dev}`, digest],
        });
        return digest;
      };
      return {
        looks: memories.open(root),
        digest(name, stats, signal) {
          const known = entries.get(name);
          if (known === undefined || (known.seen !== stats && !sameFile(known, stats)))
            return readNew(name, stats, signal);
          known.seen = stats;
          return known.digest;
        },
        forget(name) {
          entries.delete(name);
          pending.push({ sql: DELETE, params: [root, name] });
          // What was selected of the tree holds the digest, too.
          memories.forget(root);
        },
        async flush() {
          const statements = pending.splice(0);
          if (statements.length > 0) await database.write(statements, { durable: false });
        },
      };
    },
  };
  return store;
};

/** Digests of a tree that does not change; nothing is kept. */
export const createPlainDigests = (root: string): FileDigests => ({
  digest: async (name, stats, signal) => (await read(`${root}/${name}`, stats.size, signal)).digest,
  flush: () => Promise.resolve(),
});
