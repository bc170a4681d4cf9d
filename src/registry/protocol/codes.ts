import { toLadeError, type ErrorKind, type LadeError } from '#errors';
import { accessErrors } from '#access';
import { blobErrors } from '#blobs';
import { metadataErrors } from '#metadata';
import { protocolErrors } from './errors.ts';

interface Protocol {
  readonly status: number;
  /** One of the codes of distribution-spec, "Error Codes". */
  readonly code: string;
}

const byCode: Readonly<Record<string, Protocol>> = {
  [blobErrors.unknown.code]: { status: 404, code: 'BLOB_UNKNOWN' },
  [blobErrors.uploadUnknown.code]: { status: 404, code: 'BLOB_UPLOAD_UNKNOWN' },
  [blobErrors.uploadBusy.code]: { status: 409, code: 'BLOB_UPLOAD_INVALID' },
  [protocolErrors.uploadInvalid.code]: { status: 400, code: 'BLOB_UPLOAD_INVALID' },
  [protocolErrors.rangeInvalid.code]: { status: 416, code: 'BLOB_UPLOAD_INVALID' },
  [blobErrors.digestInvalid.code]: { status: 400, code: 'DIGEST_INVALID' },
  [metadataErrors.digestMalformed.code]: { status: 400, code: 'DIGEST_INVALID' },
  [protocolErrors.sizeInvalid.code]: { status: 400, code: 'SIZE_INVALID' },
  [protocolErrors.manifestUnknown.code]: { status: 404, code: 'MANIFEST_UNKNOWN' },
  [metadataErrors.manifestInvalid.code]: { status: 400, code: 'MANIFEST_INVALID' },
  [metadataErrors.tagMoved.code]: { status: 412, code: 'MANIFEST_INVALID' },
  [metadataErrors.schemaOne.code]: { status: 400, code: 'MANIFEST_INVALID' },
  [metadataErrors.manifestBlobUnknown.code]: { status: 404, code: 'MANIFEST_BLOB_UNKNOWN' },
  [protocolErrors.manifestTooLarge.code]: { status: 413, code: 'SIZE_INVALID' },
  [protocolErrors.blobTooLarge.code]: { status: 413, code: 'SIZE_INVALID' },
  [metadataErrors.nameInvalid.code]: { status: 400, code: 'NAME_INVALID' },
  [metadataErrors.tagInvalid.code]: { status: 400, code: 'MANIFEST_INVALID' },
  [protocolErrors.tooManyTags.code]: { status: 414, code: 'MANIFEST_INVALID' },
  [protocolErrors.nameUnknown.code]: { status: 404, code: 'NAME_UNKNOWN' },
  [protocolErrors.pageInvalid.code]: { status: 400, code: 'UNSUPPORTED' },
  [protocolErrors.blobInUse.code]: { status: 405, code: 'UNSUPPORTED' },
  [accessErrors.unauthorized.code]: { status: 401, code: 'UNAUTHORIZED' },
  [accessErrors.denied.code]: { status: 403, code: 'DENIED' },
  [accessErrors.throttled.code]: { status: 429, code: 'TOOMANYREQUESTS' },
  [protocolErrors.routeUnknown.code]: { status: 404, code: 'UNSUPPORTED' },
  [protocolErrors.unsupported.code]: { status: 405, code: 'UNSUPPORTED' },
  SYSTEM_DISK_FULL: { status: 507, code: 'DENIED' },
  DATABASE_DISK_FULL: { status: 507, code: 'DENIED' },
  UPSTREAMS_NAMESPACE_UNKNOWN: { status: 404, code: 'NAME_UNKNOWN' },
  UPSTREAMS_RATE_LIMITED: { status: 429, code: 'TOOMANYREQUESTS' },
  UPSTREAMS_WRONG_CONTENT: { status: 502, code: 'TOOMANYREQUESTS' },
};

const byKind: Readonly<Record<ErrorKind, Protocol>> = {
  'invalid-argument': { status: 400, code: 'UNSUPPORTED' },
  'not-found': { status: 404, code: 'BLOB_UNKNOWN' },
  'already-exists': { status: 409, code: 'DENIED' },
  conflict: { status: 409, code: 'DENIED' },
  'failed-precondition': { status: 412, code: 'DENIED' },
  unauthenticated: { status: 401, code: 'UNAUTHORIZED' },
  'permission-denied': { status: 403, code: 'DENIED' },
  unsupported: { status: 405, code: 'UNSUPPORTED' },
  unavailable: { status: 503, code: 'TOOMANYREQUESTS' },
  timeout: { status: 408, code: 'BLOB_UPLOAD_INVALID' },
  cancelled: { status: 400, code: 'BLOB_UPLOAD_INVALID' },
  corrupt: { status: 500, code: 'BLOB_UNKNOWN' },
  internal: { status: 500, code: 'UNSUPPORTED' },
};

const protocolOf = (error: LadeError): Protocol => byCode[error.code] ?? byKind[error.kind];

/** What a handler threw, and whether it is the registry's fault. */
export const translateError = (thrown: unknown): Protocol & { readonly error: LadeError } => {
  const error = toLadeError(thrown);
  return { ...protocolOf(error), error };
};
