import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import {
  mkdir,
  open,
  opendir,
  readFile,
  readdir,
  rename,
  rm,
  stat,
  writeFile,
  type FileHandle,
} from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { algorithmOf, digestOf, hexOf, type Digest, type DigestAlgorithm } from '#oci';
import { hashFile } from '#work';
import { registryErrors } from './errors.ts';
import { requireUploadId } from './names.ts';
import type { BlobDriver, ByteRange, UploadState } from './types.ts';
import { createUploadHash, type UploadHash } from './upload-hash.ts';

const READ_CHUNK = 256 * 1024;
const ALGORITHMS: readonly DigestAlgorithm[] = ['sha256', 'sha512'];

interface Session {
  readonly id: string;
  readonly repository: string;
  readonly algorithm: DigestAlgorithm;
  size: number;
  /** Absent when what was written before is not known to it (after a restart or a failed write). */
  hash: UploadHash | undefined;
  busy: boolean;
}

const isMissing = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === 'ENOENT';

const orMissing = async <T>(promise: Promise<T>): Promise<T | undefined> => {
  try {
    return await promise;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
};

const syncDirectory = async (path: string): Promise<void> => {
  await using handle = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
  await handle.sync();
};

const writeAll = async (handle: FileHandle, chunk: Uint8Array, position: number): Promise<void> => {
  let done = 0;
  while (done < chunk.length) {
    const { bytesWritten } = await handle.write(chunk, done, chunk.length - done, position + done);
    done += bytesWritten;
  }
};

interface Layout {
  readonly uploads: string;
  blobs(algorithm: DigestAlgorithm): string;
  blobDirectory(digest: Digest): string;
  blob(digest: Digest): string;
  data(id: string): string;
  record(id: string): string;
}

const createLayout = (root: string): Layout => {
  const uploads = join(root, 'uploads');
  const blobs = (algorithm: DigestAlgorithm): string => join(root, 'blobs', algorithm);
  const blobDirectory = (digest: Digest): string =>
    join(blobs(algorithmOf(digest)), hexOf(digest).slice(0, 2));
  return {
    uploads,
    blobs,
    blobDirectory,
    blob: (digest) => join(blobDirectory(digest), hexOf(digest)),
    data: (id) => join(uploads, `${requireUploadId(id)}.data`),
    record: (id) => join(uploads, `${requireUploadId(id)}.json`),
  };
};

const stateOf = ({ id, repository, size }: Session): UploadState => ({ id, repository, size });

const loadSession = async (layout: Layout, id: string): Promise<Session | undefined> => {
  const record = await orMissing(readFile(layout.record(id), 'utf8'));
  if (record === undefined) return undefined;
  try {
    const { repository, algorithm } = JSON.parse(record) as Pick<Session, 'repository' | 'algorithm'>;
    const size = (await orMissing(stat(layout.data(id))))?.size ?? 0;
    return { id, repository, algorithm, size, hash: undefined, busy: false };
  } catch {
    return undefined;
  }
};

const append = async (layout: Layout, session: Session, source: AsyncIterable<Uint8Array>): Promise<void> => {
  const path = layout.data(session.id);
  await using handle = await open(path, constants.O_WRONLY | constants.O_CREAT, 0o600);
  if (session.size === 0) session.hash ??= createUploadHash(path, session.algorithm);
  for await (const chunk of source) {
    try {
      await writeAll(handle, chunk, session.size);
    } catch (error) {
      session.hash?.abort();
      session.hash = undefined;
      await handle.truncate(session.size).catch(() => undefined);
      throw error;
    }
    session.size += chunk.length;
    session.hash?.update(chunk, session.size);
  }
};

const publish = async (layout: Layout, session: Session, digest: Digest): Promise<void> => {
  const data = layout.data(session.id);
  const directory = layout.blobDirectory(digest);
  const made = await mkdir(directory, { recursive: true });
  if (made !== undefined) await syncDirectory(layout.blobs(algorithmOf(digest)));
  if ((await orMissing(stat(layout.blob(digest)))) !== undefined) return;
  {
    await using handle = await open(data, constants.O_RDWR | constants.O_CREAT, 0o600);
    await handle.chmod(0o444);
    await handle.sync();
  }
  await rename(data, layout.blob(digest));
  await syncDirectory(directory);
};

const actualDigest = async (layout: Layout, session: Session, wanted: Digest): Promise<Digest> => {
  const algorithm = algorithmOf(wanted);
  const { hash, size, id } = session;
  if (hash?.algorithm === algorithm) return digestOf(algorithm, await hash.finish(size));
  await (await open(layout.data(id), constants.O_WRONLY | constants.O_CREAT, 0o600)).close();
  return digestOf(algorithm, await hashFile(layout.data(id), { algorithm, end: size }));
};

async function* listBlobs(layout: Layout) {
  for (const algorithm of ALGORITHMS) {
    for (const prefix of (await orMissing(readdir(layout.blobs(algorithm)))) ?? []) {
      for await (const entry of await opendir(join(layout.blobs(algorithm), prefix))) {
        const info = await orMissing(stat(join(layout.blobs(algorithm), prefix, entry.name)));
        if (info === undefined) continue;
        yield { digest: digestOf(algorithm, entry.name), size: info.size, modifiedMs: info.mtimeMs };
      }
    }
  }
}

const openBlob = async (path: string, digest: Digest, range?: ByteRange): Promise<Readable> => {
  const handle = await orMissing(open(path, 'r'));
  if (handle === undefined) throw registryErrors.blobUnknown({ digest });
  if (range !== undefined && range.end <= range.start) {
    await handle.close();
    return Readable.from([]);
  }
  const bounds = range === undefined ? {} : { start: range.start, end: range.end - 1 };
  return handle.createReadStream({ ...bounds, highWaterMark: READ_CHUNK });
};

/**
 * Blobs as files under `root`: `blobs/ALGORITHM/XX/HEX`, and uploads beside them on the same file system. Exactly one
 * driver may work on a root.
 */
export const createFileDriver = async (root: string): Promise<BlobDriver> => {
  const layout = createLayout(root);
  const sessions = new Map<string, Session>();
  await mkdir(layout.uploads, { recursive: true });
  for (const algorithm of ALGORITHMS) await mkdir(layout.blobs(algorithm), { recursive: true });

  const find = async (id: string): Promise<Session | undefined> => {
    const known = sessions.get(id) ?? (await loadSession(layout, requireUploadId(id)));
    if (known !== undefined && !sessions.has(id)) sessions.set(id, known);
    return sessions.get(id);
  };

  const exclusively = async <T>(id: string, work: (session: Session) => Promise<T>): Promise<T> => {
    const session = await find(id);
    if (session === undefined) throw registryErrors.uploadUnknown({ id });
    if (session.busy) throw registryErrors.uploadBusy({ id });
    session.busy = true;
    try {
      return await work(session);
    } finally {
      session.busy = false;
    }
  };

  const forget = async (session: Session): Promise<void> => {
    sessions.delete(session.id);
    session.hash?.abort();
    await rm(layout.record(session.id), { force: true });
    await rm(layout.data(session.id), { force: true });
  };

  return {
    stat: async (digest) => {
      const info = await orMissing(stat(layout.blob(digest)));
      return info === undefined ? undefined : { size: info.size };
    },
    read: (digest, range) => openBlob(layout.blob(digest), digest, range),
    remove: (digest) => rm(layout.blob(digest), { force: true }),
    list: () => listBlobs(layout),
    createUpload: async (repository, algorithm) => {
      const id = randomUUID();
      await writeFile(layout.record(id), JSON.stringify({ repository, algorithm }), { mode: 0o600 });
      const session: Session = { id, repository, algorithm, size: 0, hash: undefined, busy: false };
      sessions.set(id, session);
      return stateOf(session);
    },
    upload: async (id) => {
      const session = await find(id);
      return session === undefined ? undefined : stateOf(session);
    },
    appendUpload: (id, source) =>
      exclusively(id, async (session) => {
        await append(layout, session, source);
        return stateOf(session);
      }),
    commitUpload: (id, digest) =>
      exclusively(id, async (session) => {
        const actual = await actualDigest(layout, session, digest);
        if (actual !== digest) {
          await forget(session);
          throw registryErrors.digestInvalid({ expected: digest, actual });
        }
        await publish(layout, session, digest);
        await forget(session);
        return { size: session.size };
      }),
    removeUpload: async (id) => {
      const session = await find(id);
      if (session !== undefined) await exclusively(id, forget);
    },
    sweepUploads: async (beforeMs) => {
      let swept = 0;
      for (const name of await readdir(layout.uploads)) {
        const id = name.replace(/\.(?:json|data)$/, '');
        const touched = Math.max(
          ...(await Promise.all(
            ['.json', '.data'].map(
              async (end) => (await orMissing(stat(join(layout.uploads, id + end))))?.mtimeMs ?? 0,
            ),
          )),
        );
        if (touched >= beforeMs || touched === 0 || sessions.get(id)?.busy === true) continue;
        sessions.get(id)?.hash?.abort();
        sessions.delete(id);
        await rm(join(layout.uploads, `${id}.json`), { force: true });
        await rm(join(layout.uploads, `${id}.data`), { force: true });
        swept += 1;
      }
      return swept;
    },
    [Symbol.asyncDispose]: async () => {
      for (const session of sessions.values()) session.hash?.abort();
      sessions.clear();
    },
  };
};
