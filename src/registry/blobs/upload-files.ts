import { randomUUID } from 'node:crypto';
import { closeSync, constants, open } from 'node:fs';
import { mkdir, readdir, rm, rmdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { algorithmOf, digestOf, type Digest } from '#oci';
import { hashFile } from '#work';
import { blobErrors } from './errors.ts';
import { ALGORITHMS, orMissing, type Layout, type UploadName } from './layout.ts';
import type { UploadHash } from './upload-hash.ts';
import { requireUploadId } from './upload-id.ts';

/** An upload session and the file behind it. */
export interface UploadFile extends UploadName {
  readonly path: string;
  size: number;
  /** When it was begun or last written to. */
  touchedMs: number;
  /** Absent when what was written before is not known to it (after a restart or a failed write). */
  hash: UploadHash | undefined;
  busy: boolean;
}

export interface UploadFiles extends Disposable {
  create(repository: string, algorithm: UploadName['algorithm']): Promise<UploadFile>;
  /** @throws BLOBS_UPLOAD_UNKNOWN for what cannot be an id */
  find(id: string): UploadFile | undefined;
  /** Runs `work` unless the session is unknown or another piece of work has it. */
  exclusively<T>(id: string, work: (session: UploadFile) => Promise<T>): Promise<T>;
  /** Ends the session and removes its file. */
  forget(session: UploadFile): Promise<void>;
  /** Ends the session, whose file has become something else. */
  published(session: UploadFile): void;
  /** Forgets idle sessions that nobody touched since. */
  sweep(beforeMs: number): Promise<number>;
}

const openFile = promisify(open);

const fresh = (name: UploadName, path: string): UploadFile => ({
  ...name,
  path,
  size: 0,
  touchedMs: Date.now(),
  hash: undefined,
  busy: false,
});

/** The session that a file of an earlier process belongs to. */
const sessionIn = async (
  layout: Layout,
  directory: string,
  file: string,
): Promise<UploadFile | undefined> => {
  const [id = '', ending] = file.split('.');
  const algorithm = ALGORITHMS.find((name) => name === ending);
  const path = join(layout.uploads, directory, file);
  const info = await orMissing(stat(path));
  if (algorithm === undefined || info === undefined) return undefined;
  const name = { id, repository: directory.replaceAll('+', '/'), algorithm };
  return { ...fresh(name, path), size: info.size, touchedMs: info.mtimeMs };
};

/** Sessions of an earlier process. What is no session goes: nobody could ever ask for it. */
const loadSessions = async (layout: Layout): Promise<Map<string, UploadFile>> => {
  const sessions = new Map<string, UploadFile>();
  for (const entry of await readdir(layout.uploads, { withFileTypes: true })) {
    const directory = join(layout.uploads, entry.name);
    const files = entry.isDirectory() ? await readdir(directory) : [];
    for (const file of files) {
      const session = await sessionIn(layout, entry.name, file);
      if (session !== undefined) sessions.set(session.id, session);
    }
    if (!entry.isDirectory()) await rm(directory, { force: true });
    else if (files.length === 0) await rmdir(directory);
  }
  return sessions;
};

/** Keeps the sessions of one driver, those of an earlier process among them. A session is one file, and no more. */
export const openUploadFiles = async (layout: Layout): Promise<UploadFiles> => {
  const sessions = await loadSessions(layout);
  const directories = new Set<string>();

  const makeDirectory = async (repository: string): Promise<void> => {
    if (directories.has(repository)) return;
    await mkdir(layout.uploadDirectory(repository), { recursive: true });
    directories.add(repository);
  };

  const find = (id: string): UploadFile | undefined => sessions.get(requireUploadId(id));

  const published = (session: UploadFile): void => {
    sessions.delete(session.id);
    session.hash?.abort();
  };

  const forget = async (session: UploadFile): Promise<void> => {
    published(session);
    await rm(session.path, { force: true });
  };

  return {
    find,
    forget,
    published,
    create: async (repository, algorithm) => {
      const name = { id: randomUUID(), repository, algorithm };
      const path = layout.upload(name);
      await makeDirectory(repository);
      const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL;
      closeSync(await openFile(path, flags, 0o600));
      const session = fresh(name, path);
      sessions.set(name.id, session);
      return session;
    },
    exclusively: async (id, work) => {
      const session = find(id);
      if (session === undefined) throw blobErrors.uploadUnknown({ id });
      if (session.busy) throw blobErrors.uploadBusy({ id });
      session.busy = true;
      try {
        return await work(session);
      } finally {
        session.busy = false;
        session.touchedMs = Date.now();
      }
    },
    sweep: async (beforeMs) => {
      const idle = [...sessions.values()].filter(({ busy, touchedMs }) => !busy && touchedMs < beforeMs);
      for (const session of idle) await forget(session);
      return idle.length;
    },
    [Symbol.dispose]: () => {
      for (const session of sessions.values()) session.hash?.abort();
      sessions.clear();
    },
  };
};

/** The digest of what the session has, in the algorithm of `wanted`. */
export const digestOfUpload = async (session: UploadFile, wanted: Digest): Promise<Digest> => {
  const algorithm = algorithmOf(wanted);
  const { hash, size, path } = session;
  if (hash?.algorithm === algorithm) return digestOf(algorithm, await hash.finish(size));
  return digestOf(algorithm, await hashFile(path, { algorithm, end: size }));
};
