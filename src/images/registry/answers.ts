import type { ServerResponse } from 'node:http';
import { toLadeError, type ErrorKind, type LadeError } from '#errors';
import { answered, outgoing } from '#http';
import type { Context } from 'hono';
import { registryErrors } from './errors.ts';

interface Protocol {
  readonly status: number;
  /** One of the codes of distribution-spec, "Error Codes". */
  readonly code: string;
}

const byCode: Readonly<Record<string, Protocol>> = {
  [registryErrors.blobUnknown.code]: { status: 404, code: 'BLOB_UNKNOWN' },
  [registryErrors.uploadUnknown.code]: { status: 404, code: 'BLOB_UPLOAD_UNKNOWN' },
  [registryErrors.uploadBusy.code]: { status: 409, code: 'BLOB_UPLOAD_INVALID' },
  [registryErrors.uploadInvalid.code]: { status: 400, code: 'BLOB_UPLOAD_INVALID' },
  [registryErrors.rangeInvalid.code]: { status: 416, code: 'BLOB_UPLOAD_INVALID' },
  [registryErrors.digestInvalid.code]: { status: 400, code: 'DIGEST_INVALID' },
  [registryErrors.digestMalformed.code]: { status: 400, code: 'DIGEST_INVALID' },
  [registryErrors.sizeInvalid.code]: { status: 400, code: 'SIZE_INVALID' },
  [registryErrors.manifestUnknown.code]: { status: 404, code: 'MANIFEST_UNKNOWN' },
  [registryErrors.manifestInvalid.code]: { status: 400, code: 'MANIFEST_INVALID' },
  [registryErrors.manifestBlobUnknown.code]: { status: 404, code: 'MANIFEST_BLOB_UNKNOWN' },
  [registryErrors.manifestTooLarge.code]: { status: 413, code: 'SIZE_INVALID' },
  [registryErrors.nameInvalid.code]: { status: 400, code: 'NAME_INVALID' },
  [registryErrors.tagInvalid.code]: { status: 400, code: 'MANIFEST_INVALID' },
  [registryErrors.tooManyTags.code]: { status: 414, code: 'MANIFEST_INVALID' },
  [registryErrors.nameUnknown.code]: { status: 404, code: 'NAME_UNKNOWN' },
  [registryErrors.pageInvalid.code]: { status: 400, code: 'UNSUPPORTED' },
  [registryErrors.blobInUse.code]: { status: 405, code: 'UNSUPPORTED' },
  [registryErrors.unauthorized.code]: { status: 401, code: 'UNAUTHORIZED' },
  [registryErrors.routeUnknown.code]: { status: 404, code: 'UNSUPPORTED' },
  [registryErrors.unsupported.code]: { status: 405, code: 'UNSUPPORTED' },
  SYSTEM_DISK_FULL: { status: 507, code: 'DENIED' },
  DATABASE_DISK_FULL: { status: 507, code: 'DENIED' },
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

export type HeaderMap = Readonly<Record<string, string | number | readonly string[]>>;

export interface Answer {
  readonly status: number;
  readonly headers?: HeaderMap | undefined;
  /** Sent with its length; for HEAD requests only its length is sent. */
  readonly body?: string | Buffer | undefined;
}

const write = (response: ServerResponse, head: Answer, length: number | undefined): void => {
  const headers: Record<string, string | number | string[]> = {
    'Docker-Distribution-Api-Version': 'registry/2.0',
  };
  for (const [name, value] of Object.entries(head.headers ?? {})) {
    headers[name] = typeof value === 'string' || typeof value === 'number' ? value : [...value];
  }
  if (length !== undefined) headers['Content-Length'] ??= length;
  response.writeHead(head.status, headers);
};

/** Sends a complete answer. */
export const answer = (c: Context, head: Answer): Response => {
  const response = outgoing(c);
  const { body } = head;
  const bodiless = head.status === 204 || head.status === 304;
  write(response, head, bodiless ? undefined : Buffer.byteLength(body ?? ''));
  if (body === undefined || c.req.method === 'HEAD') response.end();
  else response.end(body);
  return answered();
};

/** Sends JSON. */
export const answerJson = (c: Context, value: unknown, head: Partial<Answer> = {}): Response =>
  answer(c, {
    status: head.status ?? 200,
    headers: { 'Content-Type': 'application/json', ...head.headers },
    body: JSON.stringify(value),
  });

const protocolOf = (error: LadeError): Protocol => byCode[error.code] ?? byKind[error.kind];

/** What a handler threw, and whether it is the registry's fault. */
export const translateError = (thrown: unknown): Protocol & { readonly error: LadeError } => {
  const error = toLadeError(thrown);
  return { ...protocolOf(error), error };
};

/** Sends the protocol's error body; internals stay inside. */
export const answerError = (c: Context, thrown: unknown, headers: HeaderMap = {}): Response => {
  const { status, code, error } = translateError(thrown);
  if (outgoing(c).headersSent) {
    outgoing(c).destroy();
    return answered();
  }
  const message = status === 500 ? 'the registry failed; its log says why' : error.message;
  const detail =
    status === 500
      ? undefined
      : { ...error.details, ...(error.hint === undefined ? {} : { hint: error.hint }) };
  return answerJson(c, { errors: [{ code, message, detail }] }, { status, headers });
};
