import { blobErrors } from './errors.ts';

const UPLOAD_ID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** @throws BLOBS_UPLOAD_UNKNOWN for what cannot be an id, so that no path is ever made of it */
export const requireUploadId = (id: string): string => {
  if (!UPLOAD_ID.test(id)) throw blobErrors.uploadUnknown({ id: id.slice(0, 64) });
  return id;
};
