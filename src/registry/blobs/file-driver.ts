import { mkdir, open, opendir, readdir, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { digestOf } from '#oci';
import { appendTo } from './append.ts';
import { createBlobReads, openReader } from './blob-reads.ts';
import { blobErrors } from './errors.ts';
import { createBlobFiles } from './blob-files.ts';
import { ALGORITHMS, createLayout, orMissing, type Layout } from './layout.ts';
import { createPublisher } from './publisher.ts';
import type { BlobDriver, UploadState } from './types.ts';
import { quarantineBlob, verifyBlob } from './verify-blob.ts';
import { digestOfUpload, openUploadFiles, type UploadFile } from './upload-files.ts';

const stateOf = ({ id, repository, size }: UploadFile): UploadState => ({ id, repository, size });

/** A large file is written back before it joins a group, which would wait for it. */
const LARGE_BYTES = 4 * 1024 * 1024;

const writeBack = async ({ path }: UploadFile): Promise<void> => {
  await using handle = await open(path, 'r');
  await handle.datasync();
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

/**
 * Blobs as files under `root`: `blobs/ALGORITHM/XX/HEX`, and uploads beside them on the same file system. Exactly one
 * driver may work on a root.
 */
export const createFileDriver = async (root: string): Promise<BlobDriver> => {
  const layout = createLayout(root);
  await mkdir(layout.uploads, { recursive: true });
  for (const algorithm of ALGORITHMS) await mkdir(layout.blobs(algorithm), { recursive: true });
  const uploads = await openUploadFiles(layout);
  const publisher = createPublisher();
  const reads = createBlobReads(layout);
  const files = await createBlobFiles(layout);

  return {
    stat: async (digest) => {
      const info = await orMissing(stat(layout.blob(digest)));
      return info === undefined ? undefined : { size: info.size };
    },
    open: (digest, range) => reads.open(digest, range),
    read: (digest, range) => reads.read(digest, range),
    remove: async (digest) => {
      await orMissing(unlink(layout.blob(digest)));
      reads.forget(digest);
    },
    verify: (digest, options = {}) => verifyBlob(layout, digest, options),
    quarantine: async (digest) => {
      const was = await quarantineBlob(layout, digest);
      reads.forget(digest);
      return was;
    },
    list: () => listBlobs(layout),
    createUpload: async (repository, algorithm) => stateOf(await uploads.create(repository, algorithm)),
    upload: async (id) => {
      const session = uploads.find(id);
      return session === undefined ? undefined : stateOf(session);
    },
    appendUpload: (id, source, { used = () => undefined } = {}) =>
      uploads.exclusively(id, async (session) => {
        await appendTo(session, source, used);
        return stateOf(session);
      }),
    openUpload: async (id) => {
      const session = uploads.find(id);
      if (session === undefined) throw blobErrors.uploadUnknown({ id });
      return openReader(session.path);
    },
    commitUpload: (id, digest) =>
      uploads.exclusively(id, async (session) => {
        try {
          const actual = await digestOfUpload(session, digest);
          if (actual !== digest) throw blobErrors.digestInvalid({ expected: digest, actual });
          if (session.size > LARGE_BYTES) await writeBack(session);
          await publisher.publish({ from: session.path, to: layout.blob(digest) });
          // It may have taken the place of a damaged one.
          reads.forget(digest);
        } catch (error) {
          await uploads.forget(session);
          throw error;
        }
        uploads.published(session);
        return { size: session.size };
      }),
    removeUpload: async (id) => {
      if (uploads.find(id) !== undefined) await uploads.exclusively(id, (session) => uploads.forget(session));
    },
    sweepUploads: (beforeMs) => uploads.sweep(beforeMs),
    files,
    [Symbol.asyncDispose]: async () => {
      uploads[Symbol.dispose]();
      await publisher[Symbol.asyncDispose]();
    },
  };
};
