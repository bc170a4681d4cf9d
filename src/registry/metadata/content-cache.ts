import type { Database, Statement } from '#database';
import type { Digest } from '#oci';
import type { ContentStore, StoredManifest } from './types.ts';

/** What is asked for thousands of times a second. */
type CachedReads = Pick<ContentStore, 'tagged' | 'manifest' | 'manifestHead'>;

export interface ContentCache {
  /** The same database; every write through it that may change what is cached is noticed. */
  readonly database: Database;
  /** The same reads, from memory where they were answered before. */
  cached<R extends CachedReads>(reads: R): R;
}

const MAX_BYTES = 16 * 1024 * 1024;
/** Of an entry besides its content. */
const ENTRY_BYTES = 500;
const LARGEST = 512 * 1024;

/** Nothing that is cached depends on them; whatever is not named here may change it. */
const HARMLESS: ReadonlySet<string> = new Set([
  'accounts',
  'access_tokens',
  'blobs',
  'deliveries',
  'dead_letters',
  'documentation',
  'grants',
  'image_facts',
  'image_labels',
  'image_layers',
  'journal',
  'keeping_state',
  'links',
  'pulls',
  'refresh_tokens',
  'sessions',
  'stars',
  'unread_manifests',
  'upstream_uses',
]);

const WRITTEN = /^\s*(?:INSERT(?:\s+OR\s+\w+)?\s+INTO|UPDATE|DELETE\s+FROM)\s+(\w+)/i;
const MOST_TEXTS = 500;

/** Whether statements may change tags or manifests; the answer for a text is kept. */
const createJudge = (): ((statements: readonly Statement[]) => boolean) => {
  const known = new Map<string, boolean>();
  const isHarmless = (sql: string): boolean => {
    const before = known.get(sql);
    if (before !== undefined) return before;
    if (known.size >= MOST_TEXTS) known.clear();
    const harmless = HARMLESS.has(WRITTEN.exec(sql)?.[1] ?? '');
    known.set(sql, harmless);
    return harmless;
  };
  return (statements) => statements.some(({ sql }) => !isHarmless(sql));
};

interface Shelf<T> {
  get(key: string): T | undefined;
  set(key: string, value: T, bytes: number): void;
  clear(): void;
}

/** Forgets everything when it is full: what is hot is back at once, and there is nothing to keep in order. */
const createShelf = <T>(maxBytes: number): Shelf<T> => {
  const entries = new Map<string, T>();
  let total = 0;
  const clear = (): void => {
    entries.clear();
    total = 0;
  };
  return {
    get: (key) => entries.get(key),
    set: (key, value, bytes) => {
      if (total + bytes > maxBytes) clear();
      entries.set(key, value);
      total += bytes;
    },
    clear,
  };
};

/**
 * Keeps tags and manifests in memory, in front of the database whose only writer this process is. While a write that may
 * change them is under way, every read goes to the database: so no read ever sees less than the database has.
 */
export const createContentCache = (database: Database): ContentCache => {
  const tags = createShelf<Digest>(MAX_BYTES / 8);
  const manifests = createShelf<StoredManifest>(MAX_BYTES);
  const mayChange = createJudge();
  let writing = 0;

  const guarded: Database = {
    ...database,
    write: async (statements, options) => {
      if (!mayChange(statements)) return await database.write(statements, options);
      writing += 1;
      tags.clear();
      manifests.clear();
      try {
        return await database.write(statements, options);
      } finally {
        writing -= 1;
      }
    },
  };

  const through = <T>(
    shelf: Shelf<T>,
    key: string,
    { read, bytes }: { readonly read: () => T | undefined; readonly bytes: (value: T) => number },
  ): T | undefined => {
    if (writing > 0) return read();
    const kept = shelf.get(key);
    if (kept !== undefined) return kept;
    const value = read();
    if (value !== undefined && bytes(value) <= LARGEST) shelf.set(key, value, bytes(value));
    return value;
  };

  return {
    database: guarded,
    cached: (reads) => {
      const manifest: ContentStore['manifest'] = (repository, digest) =>
        through(manifests, `${repository}@${digest}`, {
          read: () => reads.manifest(repository, digest),
          bytes: (value) => value.bytes.length + ENTRY_BYTES,
        });
      return {
        ...reads,
        tagged: (repository, tag) =>
          through(tags, `${repository}:${tag}`, {
            read: () => reads.tagged(repository, tag),
            bytes: () => ENTRY_BYTES,
          }),
        manifest,
        manifestHead: (repository, digest) => {
          const kept = writing > 0 ? undefined : manifests.get(`${repository}@${digest}`);
          return kept === undefined
            ? reads.manifestHead(repository, digest)
            : { digest, mediaType: kept.mediaType, size: kept.bytes.length };
        },
      };
    },
  };
};
