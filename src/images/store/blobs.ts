import { createHash, randomUUID } from 'node:crypto';
import { createReadStream, readFileSync } from 'node:fs';
import { readFile, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { Database, Row, Statement } from '#database';
import { algorithmOf, digestOf, hexOf, matchesDigest, sha256Of, type Digest } from '#oci';
import { moveDurably, writeDurably, writeStreamDurably } from './durable.ts';
import { storeErrors } from './errors.ts';
import { openIngest } from './ingest.ts';
import type { KeyedLock } from './keyed-lock.ts';
import { withRoom } from './with-room.ts';
import { protectStatement } from './leases.ts';
import type { BlobInfo, BlobStore, Ingest, IngestOptions, Lease, PutOptions } from './types.ts';

const DEFAULT_MAX_READ = 8 * 1024 * 1024;

/** Where the files of the store are. */
export interface StorePaths {
  readonly root: string;
  readonly blobs: string;
  readonly ingest: string;
}

export const storePaths = (root: string): StorePaths => ({
  root,
  blobs: join(root, 'blobs'),
  ingest: join(root, 'ingest'),
});

export const blobPath = (paths: StorePaths, digest: Digest): string =>
  join(paths.blobs, algorithmOf(digest), hexOf(digest));

/** File name of an ingest: refs are text of any kind. */
export const ingestName = (ref: string): string => hexOf(sha256Of(ref));

export interface BlobDependencies {
  readonly database: Database;
  readonly lock: KeyedLock;
  readonly paths: StorePaths;
  /** Names of ingests that are being written. */
  readonly active: Set<string>;
  /** Asked when the disk is full; whether there is room now. */
  readonly makeRoom: { run: () => Promise<boolean> };
}

type BlobRow = Row & { digest: Digest; size: number };

const insertBlob = (info: BlobInfo): Statement => ({
  sql: 'INSERT INTO blobs (digest, size, created_at) VALUES (?, ?, ?) ON CONFLICT (digest) DO NOTHING',
  params: [info.digest, info.size, Date.now()],
});

export const statBlob = (database: Database, digest: Digest): BlobInfo | undefined => {
  const row = database.get<BlobRow>('SELECT digest, size FROM blobs WHERE digest = ?', digest);
  return row === undefined ? undefined : { digest: row.digest, size: row.size };
};

/** Moves a durable, verified file among the blobs; when the content is there already, the file is deleted. */
const publish = async (
  dependencies: BlobDependencies,
  file: {
    readonly path: string;
    readonly info: BlobInfo;
    readonly lease: Lease;
    readonly durable?: boolean | undefined;
  },
): Promise<void> => {
  const { database, lock, paths } = dependencies;
  const { path, info, lease, durable } = file;
  const protection = protectStatement(lease, 'blob', info.digest);
  await lock(info.digest, async () => {
    const target = blobPath(paths, info.digest);
    if (statBlob(database, info.digest) !== undefined) {
      await database.write([protection], { durable: false });
      await unlink(path);
      return;
    }
    try {
      await moveDurably(path, target);
      await database.write([insertBlob(info), protection], { durable });
    } catch (error) {
      await unlink(target).catch(() => undefined);
      throw error;
    }
  });
};

const putBytes = async (
  dependencies: BlobDependencies,
  bytes: Uint8Array,
  { lease, digest = sha256Of(bytes), durable }: PutOptions,
): Promise<BlobInfo> => {
  if (!matchesDigest(bytes, digest)) {
    throw storeErrors.digestMismatch({ expected: digest, actual: sha256Of(bytes) });
  }
  const info: BlobInfo = { digest, size: bytes.length };
  await lease.protect('blob', info.digest);
  if (statBlob(dependencies.database, info.digest) !== undefined) return info;
  const path = join(dependencies.paths.ingest, `put-${randomUUID()}`);
  dependencies.active.add(path);
  try {
    await withRoom(dependencies.makeRoom, () => writeDurably(path, bytes));
    await publish(dependencies, { path, info, lease, durable });
    return info;
  } finally {
    dependencies.active.delete(path);
    await unlink(path).catch(() => undefined);
  }
};

const beginIngest = async (dependencies: BlobDependencies, options: IngestOptions): Promise<Ingest> => {
  const { active, paths } = dependencies;
  const name = ingestName(options.ref);
  const path = join(paths.ingest, name);
  if (active.has(path)) throw storeErrors.ingestBusy({ ref: options.ref });
  active.add(path);
  const free = (): void => void active.delete(path);
  try {
    await options.lease.protect('ingest', name);
    const place = {
      path,
      free,
      makeRoom: dependencies.makeRoom,
      publish: (info: BlobInfo) => publish(dependencies, { path, info, lease: options.lease }),
    };
    return await openIngest(place, options);
  } catch (error) {
    free();
    throw error;
  }
};

/** Writes the content beside, and moves it into its place once it was found to be what its digest says. */
const replaceBlob = async (
  dependencies: BlobDependencies,
  { digest, size }: BlobInfo,
  content: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
): Promise<void> => {
  const path = join(dependencies.paths.ingest, `put-${randomUUID()}`);
  dependencies.active.add(path);
  try {
    const hash = createHash(algorithmOf(digest));
    await writeStreamDurably(path, content, (chunk) => hash.update(chunk));
    const actual = digestOf(algorithmOf(digest), hash.digest('hex'));
    if (actual !== digest) throw storeErrors.digestMismatch({ expected: digest, actual });
    await dependencies.lock(digest, async () => {
      if (statBlob(dependencies.database, digest)?.size !== size) throw storeErrors.blobNotFound({ digest });
      await moveDurably(path, blobPath(dependencies.paths, digest));
    });
  } finally {
    dependencies.active.delete(path);
    await unlink(path).catch(() => undefined);
  }
};

const verified = ({ digest, size }: BlobInfo, bytes: Buffer): Buffer => {
  if (bytes.length !== size || !matchesDigest(bytes, digest)) throw storeErrors.blobDamaged({ digest });
  return bytes;
};

export const createBlobStore = (dependencies: BlobDependencies): BlobStore => {
  const { database, paths } = dependencies;
  const mustStat = (digest: Digest): BlobInfo => {
    const info = statBlob(database, digest);
    if (info === undefined) throw storeErrors.blobNotFound({ digest });
    return info;
  };
  const readable = (digest: Digest, { maxBytes = DEFAULT_MAX_READ }: { maxBytes?: number | undefined }) => {
    const info = mustStat(digest);
    if (info.size > maxBytes) throw storeErrors.blobTooLarge({ ...info, maxBytes });
    return info;
  };
  return {
    stat: (digest) => statBlob(database, digest),
    path: (digest) => blobPath(paths, digest),
    async read(digest, options = {}) {
      const info = readable(digest, options);
      return verified(info, await readFile(blobPath(paths, digest)));
    },
    readNow(digest, options = {}) {
      const info = readable(digest, options);
      return verified(info, readFileSync(blobPath(paths, digest)));
    },
    stream(digest, { start, end } = {}) {
      mustStat(digest);
      return createReadStream(blobPath(paths, digest), {
        highWaterMark: 256 * 1024,
        ...(start === undefined ? {} : { start }),
        ...(end === undefined ? {} : { end: end - 1 }),
      });
    },
    put: (bytes, options) => putBytes(dependencies, bytes, options),
    ingest: (options) => beginIngest(dependencies, options),
    replace: (digest, content) => replaceBlob(dependencies, mustStat(digest), content),
    list: () =>
      database
        .all<BlobRow>('SELECT digest, size FROM blobs ORDER BY digest')
        .map(({ digest, size }) => ({ digest, size })),
    bytes: () =>
      database.get<Row & { bytes: number }>('SELECT coalesce(sum(size), 0) AS bytes FROM blobs')?.bytes ?? 0,
  };
};
