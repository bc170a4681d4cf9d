import { constants } from 'node:fs';
import { mkdir, open, opendir, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { algorithmOf, digestOf, type Digest } from '#oci';
import { createBlobReads, openReader } from './blob-reads.ts';
import { blobErrors } from './errors.ts';
import { createBlobFiles } from './blob-files.ts';
import { ALGORITHMS, createLayout, orMissing, syncDirectory, type Layout } from './layout.ts';
import type { BlobDriver, UploadState } from './types.ts';
import { appendTo, createUploadFiles, digestOfUpload, type UploadFile } from './upload-files.ts';

const stateOf = ({ id, repository, size }: UploadFile): UploadState => ({ id, repository, size });

const publish = async (layout: Layout, session: UploadFile, digest: Digest): Promise<void> => {
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
  const uploads = createUploadFiles(layout);
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
      reads.forget(digest);
      await rm(layout.blob(digest), { force: true });
    },
    list: () => listBlobs(layout),
    createUpload: async (repository, algorithm) => stateOf(await uploads.create(repository, algorithm)),
    upload: async (id) => {
      const session = await uploads.find(id);
      return session === undefined ? undefined : stateOf(session);
    },
    appendUpload: (id, source) =>
      uploads.exclusively(id, async (session) => {
        await appendTo(layout, session, source);
        return stateOf(session);
      }),
    openUpload: async (id) => {
      if ((await uploads.find(id)) === undefined) throw blobErrors.uploadUnknown({ id });
      return openReader(layout.data(id));
    },
    commitUpload: (id, digest) =>
      uploads.exclusively(id, async (session) => {
        const actual = await digestOfUpload(layout, session, digest);
        if (actual === digest) await publish(layout, session, digest);
        await uploads.forget(session);
        if (actual !== digest) throw blobErrors.digestInvalid({ expected: digest, actual });
        return { size: session.size };
      }),
    removeUpload: async (id) => {
      if ((await uploads.find(id)) !== undefined)
        await uploads.exclusively(id, (session) => uploads.forget(session));
    },
    sweepUploads: (beforeMs) => uploads.sweep(beforeMs),
    files,
    [Symbol.asyncDispose]: async () => uploads[Symbol.dispose](),
  };
};
