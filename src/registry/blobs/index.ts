export { createFileDriver } from './file-driver.ts';
export { createKeyedLocks, type KeyedLocks } from './digest-locks.ts';
export { requireUploadId } from './upload-id.ts';
export { blobErrors } from './errors.ts';
export type {
  BlobContent,
  BlobDriver,
  BlobFiles,
  ByteRange,
  StoredBlob,
  UploadReader,
  UploadState,
} from './types.ts';
