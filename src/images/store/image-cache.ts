import type { Database, Row } from '#database';
import type { ImageId } from '#oci';
import { loadImages } from './image-rows.ts';
import type { ImageRecord, ImageReference } from './types.ts';

/** All records and names as they are now; what did not change is the same object as before. */
export interface ImageCache {
  /** Newest first. */
  records(): readonly ImageRecord[];
  /** Sorted by reference. */
  references(): readonly ImageReference[];
}

interface Entry {
  readonly record: ImageRecord;
  readonly references: readonly ImageReference[];
  /** Milliseconds since the epoch. */
  readonly created: number;
}

export interface ImageCacheDependencies {
  readonly database: Database;
  readonly readReferences: (id?: ImageId) => readonly ImageReference[];
}

/** More changes than this are not looked at one by one. */
const MANY = 200;
/** So many noted changes are kept before those that were seen are deleted. */
const TRIM_AFTER = 5_000;

const entryOf = (record: ImageRecord, references: readonly ImageReference[]): Entry => ({
  record,
  references,
  created: record.created === undefined ? 0 : Date.parse(record.created),
});

const lastChange = (database: Database): number =>
  database.get<Row & { seq: number }>(`SELECT seq FROM sqlite_sequence WHERE name = 'image_changes'`)?.seq ??
  0;

const changedAfter = (database: Database, sequence: number): readonly ImageId[] =>
  database
    .all<Row & { image: ImageId }>(
      'SELECT DISTINCT image FROM image_changes WHERE sequence > ? LIMIT ?',
      sequence,
      MANY + 1,
    )
    .map((row) => row.image);

const trim = (database: Database, sequence: number): void => {
  database
    .write([{ sql: 'DELETE FROM image_changes WHERE sequence <= ?', params: [sequence] }])
    .catch(() => undefined);
};

const readAll = ({ database, readReferences }: ImageCacheDependencies): Map<ImageId, Entry> => {
  const references = Map.groupBy(readReferences(), (reference) => reference.image);
  return new Map(
    loadImages(database).map((record) => [record.id, entryOf(record, references.get(record.id) ?? [])]),
  );
};

const readSome = (
  { database, readReferences }: ImageCacheDependencies,
  entries: Map<ImageId, Entry>,
  ids: readonly ImageId[],
): void => {
  for (const id of ids) {
    const [record] = loadImages(database, id);
    if (record === undefined) entries.delete(id);
    else entries.set(id, entryOf(record, readReferences(id)));
  }
};

const compareText = (a: string, b: string): number => (a < b ? -1 : Number(a > b));

const recordsOf = (entries: ReadonlyMap<ImageId, Entry>): readonly ImageRecord[] =>
  [...entries.values()]
    .sort((a, b) => b.created - a.created || b.record.addedAt - a.record.addedAt)
    .map((entry) => entry.record);

const referencesOf = (entries: ReadonlyMap<ImageId, Entry>): readonly ImageReference[] =>
  [...entries.values()]
    .flatMap((entry) => entry.references)
    .sort((a, b) => compareText(a.reference, b.reference));

/** Reads everything once, and then only what the triggers of `image_changes` noted. */
export const createImageCache = (dependencies: ImageCacheDependencies): ImageCache => {
  const { database } = dependencies;
  let entries: Map<ImageId, Entry> | undefined;
  let seen = 0;
  let trimmed = 0;
  let records: readonly ImageRecord[] = [];
  let references: readonly ImageReference[] = [];

  const refresh = (): void => {
    // Read first: what changes meanwhile is then read again the next time.
    const last = lastChange(database);
    if (entries !== undefined && last === seen) return;
    const changed = entries === undefined ? [] : changedAfter(database, seen);
    if (entries === undefined || changed.length > MANY) entries = readAll(dependencies);
    else readSome(dependencies, entries, changed);
    seen = last;
    records = recordsOf(entries);
    references = referencesOf(entries);
    if (seen - trimmed < TRIM_AFTER) return;
    trimmed = seen;
    trim(database, seen);
  };

  return {
    records() {
      refresh();
      return records;
    },
    references() {
      refresh();
      return references;
    },
  };
};
