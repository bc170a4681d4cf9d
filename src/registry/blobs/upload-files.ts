import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { open, readFile, readdir, rm, stat, writeFile, type FileHandle } from 'node:fs/promises';
import { algorithmOf, digestOf, type Digest, type DigestAlgorithm } from '#oci';
import { hashFile } from '#work';
import { blobErrors } from './errors.ts';
import { orMissing, type Layout } from './layout.ts';
import { createUploadHash, type UploadHash } from './upload-hash.ts';

/** An upload session and the file behind it. */
export interface UploadFile {
  readonly id: string;
  readonly repository: string;
  readonly algorithm: DigestAlgorithm;
  size: number;
  /** Absent when what was written before is not known to it (after a restart or a failed write). */
  hash: UploadHash | undefined;
  busy: boolean;
}

export interface UploadFiles extends Disposable {
  create(repository: string, algorithm: DigestAlgorithm): Promise<UploadFile>;
  find(id: string): Promise<UploadFile | undefined>;
  /** Runs `work` unless the session is unknown or another piece of work has it. */
  exclusively<T>(id: string, work: (session: UploadFile) => Promise<T>): Promise<T>;
  forget(session: UploadFile): Promise<void>;
  /** Forgets idle sessions that nobody touched since. */
  sweep(beforeMs: number): Promise<number>;
}

const loadSession = async (layout: Layout, id: string): Promise<UploadFile | undefined> => {
  const record = await orMissing(readFile(layout.record(id), 'utf8'));
  if (record === undefined) return undefined;
  try {
    const { repository, algorithm } = JSON.parse(record) as Pick<UploadFile, 'repository' | 'algorithm'>;
    const size = (await orMissing(stat(layout.data(id))))?.size ?? 0;
    return { id, repository, algorithm, size, hash: undefined, busy: false };
  } catch {
    return undefined;
  }
};

const removeFiles = async (layout: Layout, id: string): Promise<void> => {
  await rm(layout.record(id), { force: true });
  await rm(layout.data(id), { force: true });
};

const touchedMs = async (layout: Layout, id: string): Promise<number> => {
  const times = await Promise.all(
    [layout.record(id), layout.data(id)].map(async (path) => (await orMissing(stat(path)))?.mtimeMs ?? 0),
  );
  return Math.max(...times);
};

const idsIn = async (layout: Layout): Promise<readonly string[]> => {
  const names = await readdir(layout.uploads);
  return [...new Set(names.map((name) => name.replace(/\.(?:json|data)$/, '')))];
};

/** Keeps the sessions of one driver; those of an earlier process are read from their files. */
export const createUploadFiles = (layout: Layout): UploadFiles => {
  const sessions = new Map<string, UploadFile>();

  const find = async (id: string): Promise<UploadFile | undefined> => {
    const loaded = sessions.get(id) ?? (await loadSession(layout, id));
    if (loaded !== undefined && !sessions.has(id)) sessions.set(id, loaded);
    return sessions.get(id);
  };

  const forget = async (session: UploadFile): Promise<void> => {
    sessions.delete(session.id);
    session.hash?.abort();
    await removeFiles(layout, session.id);
  };

  return {
    find,
    forget,
    create: async (repository, algorithm) => {
      const id = randomUUID();
      await writeFile(layout.record(id), JSON.stringify({ repository, algorithm }), { mode: 0o600 });
      const session: UploadFile = { id, repository, algorithm, size: 0, hash: undefined, busy: false };
      sessions.set(id, session);
      return session;
    },
    exclusively: async (id, work) => {
      const session = await find(id);
      if (session === undefined) throw blobErrors.uploadUnknown({ id });
      if (session.busy) throw blobErrors.uploadBusy({ id });
      session.busy = true;
      try {
        return await work(session);
      } finally {
        session.busy = false;
      }
    },
    sweep: async (beforeMs) => {
      let swept = 0;
      for (const id of await idsIn(layout)) {
        const session = sessions.get(id);
        if (session?.busy === true || (await touchedMs(layout, id)) >= beforeMs) continue;
        if (session === undefined) await removeFiles(layout, id);
        else await forget(session);
        swept += 1;
      }
      return swept;
    },
    [Symbol.dispose]: () => {
      for (const session of sessions.values()) session.hash?.abort();
      sessions.clear();
    },
  };
};

const writeAll = async (handle: FileHandle, chunk: Uint8Array, position: number): Promise<void> => {
  let done = 0;
  while (done < chunk.length) {
    const { bytesWritten } = await handle.write(chunk, done, chunk.length - done, position + done);
    done += bytesWritten;
  }
};

/** Appends to the session's file, hashing on the way. */
export const appendTo = async (
  layout: Layout,
  session: UploadFile,
  source: AsyncIterable<Uint8Array>,
): Promise<void> => {
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

/** The digest of what the session has, in the algorithm of `wanted`. */
export const digestOfUpload = async (
  layout: Layout,
  session: UploadFile,
  wanted: Digest,
): Promise<Digest> => {
  const algorithm = algorithmOf(wanted);
  const { hash, size, id } = session;
  if (hash?.algorithm === algorithm) return digestOf(algorithm, await hash.finish(size));
  await (await open(layout.data(id), constants.O_WRONLY | constants.O_CREAT, 0o600)).close();
  return digestOf(algorithm, await hashFile(layout.data(id), { algorithm, end: size }));
};
