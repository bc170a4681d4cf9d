import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { algorithmOf, hexOf, type Digest, type DigestAlgorithm } from '#oci';
import { blobErrors } from './errors.ts';
import { requireUploadId } from './upload-id.ts';

export const ALGORITHMS: readonly DigestAlgorithm[] = ['sha256', 'sha512'];

/** What an upload session is, and what its file is called after. */
export interface UploadName {
  readonly id: string;
  readonly repository: string;
  readonly algorithm: DigestAlgorithm;
}

/** Where the file driver puts things. Every path is made of checked names only. */
export interface Layout {
  readonly uploads: string;
  /** Where files stay until they are known to be the blob they are said to be. */
  readonly intake: string;
  /** Where corrupt blobs are moved. */
  readonly quarantine: string;
  quarantined(digest: Digest, nowMs: number): string;
  blobs(algorithm: DigestAlgorithm): string;
  blobDirectory(digest: Digest): string;
  blob(digest: Digest): string;
  /** Of the sessions of one repository. */
  uploadDirectory(repository: string): string;
  /** Bytes of an upload session; its name says what it is for. */
  upload(session: UploadName): string;
}

/** Without a sign that means something in a path, except the slash, which no directory's name can have. */
const requireDirectoryName = (repository: string): string => {
  if (!/^[a-z0-9][a-z0-9._/-]{0,254}$/.test(repository)) throw blobErrors.repositoryInvalid({ repository });
  return repository;
};

export const createLayout = (root: string): Layout => {
  const uploads = join(root, 'uploads');
  const blobs = (algorithm: DigestAlgorithm): string => join(root, 'blobs', algorithm);
  const blobDirectory = (digest: Digest): string =>
    join(blobs(algorithmOf(digest)), hexOf(digest).slice(0, 2));
  const uploadDirectory = (repository: string): string =>
    join(uploads, requireDirectoryName(repository).replaceAll('/', '+'));
  return {
    uploads,
    intake: join(root, 'intake'),
    quarantine: join(root, 'quarantine'),
    quarantined: (digest, nowMs) =>
      join(root, 'quarantine', `${algorithmOf(digest)}-${hexOf(digest)}-${nowMs}`),
    blobs,
    blobDirectory,
    blob: (digest) => join(blobDirectory(digest), hexOf(digest)),
    uploadDirectory,
    upload: ({ id, repository, algorithm }) =>
      join(uploadDirectory(repository), `${requireUploadId(id)}.${algorithm}`),
  };
};

/** What `promise` gives, or undefined when the file does not exist. */
export const orMissing = async <T>(promise: Promise<T>): Promise<T | undefined> => {
  try {
    return await promise;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
};

/** Makes names in a directory durable. */
export const syncDirectory = async (path: string): Promise<void> => {
  await using handle = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
  await handle.sync();
};
