import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { copyFile, link, mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { algorithmOf, digestOf, type Digest } from '#oci';
import { hashFile } from '#work';
import { blobErrors } from './errors.ts';
import { orMissing, syncDirectory, type Layout } from './layout.ts';
import type { BlobFiles, TakeOptions } from './types.ts';

/** A second name or a copy of the file at `to`, whichever costs least. */
const bring = async (from: string, to: string, options: TakeOptions): Promise<'linked' | 'copied'> => {
  const cloned = await copyFile(from, to, constants.COPYFILE_FICLONE_FORCE).then(
    () => true,
    () => false,
  );
  if (cloned) return 'copied';
  await rm(to, { force: true });
  if (options.link) {
    const linked = await link(from, to).then(
      () => true,
      () => false,
    );
    if (linked) return 'linked';
  }
  await copyFile(from, to);
  return 'copied';
};

const syncFile = async (path: string): Promise<void> => {
  await using handle = await open(path, 'r');
  await handle.sync();
};

/** Moves a whole file to where the blob belongs, durably. */
const place = async (layout: Layout, path: string, digest: Digest): Promise<void> => {
  const directory = layout.blobDirectory(digest);
  const made = await mkdir(directory, { recursive: true });
  if (made !== undefined) await syncDirectory(layout.blobs(algorithmOf(digest)));
  await syncFile(path);
  await rename(path, layout.blob(digest));
  await syncDirectory(directory);
};

/** Files in and out of a file driver. What a killed process left half-way is removed here. */
export const createBlobFiles = async (layout: Layout): Promise<BlobFiles> => {
  await rm(layout.intake, { recursive: true, force: true });
  return {
    take: async (path, digest, options) => {
      if ((await orMissing(stat(layout.blob(digest)))) !== undefined) return 'there';
      await mkdir(layout.intake, { recursive: true });
      const taken = join(layout.intake, randomUUID());
      try {
        const how = await bring(path, taken, options);
        const algorithm = algorithmOf(digest);
        const actual = digestOf(algorithm, await hashFile(taken, { algorithm, signal: options.signal }));
        if (actual !== digest) throw blobErrors.digestInvalid({ expected: digest, actual });
        await place(layout, taken, digest);
        return how;
      } finally {
        await rm(taken, { force: true });
      }
    },
    give: async (digest, path) => {
      await mkdir(dirname(path), { recursive: true });
      const half = `${path}.half`;
      await copyFile(layout.blob(digest), half, constants.COPYFILE_FICLONE);
      await syncFile(half);
      await rename(half, path);
    },
  };
};
