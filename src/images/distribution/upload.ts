import type { Digest } from '#oci';
import { answerError, type Subject } from './api-errors.ts';
import { drain } from './endpoint.ts';
import { pullScope, pushScope, type Place } from './manifests.ts';
import { createRetry, isTransientFailure, isTransientStatus, retryAfterMs } from './retry.ts';
import { requireHeader, type ApiRequest, type ApiResponse } from './session.ts';
import type { Cancellable, MountResult, RetryPolicy } from './types.ts';
import { bodyOf, watchForStall, type Part, type SourceState, type UploadSource } from './upload-body.ts';

/** Up to this size a blob goes in one PUT; above it, a PATCH that can be resumed and then an empty PUT. */
const SINGLE_PUT_BYTES = 1024 * 1024;
/** Bytes of one request, tried in this order where all at once are too many. */
const CHUNKS = [64, 16, 4, 1].map((mebibytes) => mebibytes * 1024 * 1024);
/** An upload that went on by this much counts as a fresh one. */
const PROGRESS_BYTES = 1024 * 1024;
const DEFAULT_IDLE_MS = 60_000;

const subjectOf = (place: Place, digest: Digest): Subject => ({
  host: place.session.host,
  name: place.name,
  kind: 'upload',
  digest,
});

/** Where to go on with an upload; https stays https behind proxies that forget it. */
const locationOf = (response: ApiResponse, host: string): URL => {
  const location = requireHeader(response, 'location', host);
  const url = new URL(location, response.url);
  if (
    response.url.protocol === 'https:' &&
    url.protocol === 'http:' &&
    url.hostname === response.url.hostname
  ) {
    url.protocol = 'https:';
  }
  return url;
};

const withDigest = (location: URL, digest: Digest): URL => {
  const url = new URL(location);
  url.search = `${url.search === '' ? '?' : `${url.search}&`}digest=${encodeURIComponent(digest)}`;
  return url;
};

const startUpload = async (place: Place, digest: Digest, { signal }: Cancellable): Promise<URL> => {
  const response = await place.session.send({
    method: 'POST',
    url: `/v2/${place.path}/blobs/uploads/`,
    headers: { 'content-length': '0' },
    repository: place.path,
    scopes: [pushScope(place.path)],
    signal,
  });
  if (response.status !== 202) throw await answerError(response, subjectOf(place, digest));
  response.body.resume();
  return locationOf(response, place.session.host);
};

/**
 * Mounts from another repository of the same registry; the upload session that comes instead is kept for the push. A
 * registry that refuses (it may not let us read the other repository, or know no mounts) gets an upload.
 */
export const mountBlob = async (
  place: Place,
  digest: Digest,
  options: Cancellable & { readonly from: string; readonly onSession: (location: URL) => void },
): Promise<MountResult> => {
  const query = new URLSearchParams({ mount: digest, from: options.from });
  const response = await place.session.send({
    method: 'POST',
    url: `/v2/${place.path}/blobs/uploads/?${query.toString()}`,
    headers: { 'content-length': '0' },
    repository: place.path,
    scopes: [pushScope(place.path), pullScope(options.from)],
    signal: options.signal,
  });
  if (isTransientStatus(response.status)) throw await answerError(response, subjectOf(place, digest));
  drain(response);
  if (response.status === 201) return 'mounted';
  if (response.status !== 202) return 'upload-needed';
  options.onSession(locationOf(response, place.session.host));
  return 'upload-needed';
};

export interface BlobUpload extends UploadSource {
  /** A session that was begun already. */
  readonly location?: URL | undefined;
  readonly retry?: RetryPolicy | undefined;
}

/** Where an upload stands. */
interface Standing {
  readonly location: URL;
  readonly offset: number;
  /** Most bytes of one request; undefined for all that is left. */
  readonly chunk?: number | undefined;
}

interface Sending extends Pick<ApiRequest, 'method' | 'url' | 'headers'> {
  readonly part: Part;
}

/** Sends one part of the blob, once. */
const send = async (place: Place, upload: BlobUpload, request: Sending): Promise<ApiResponse> => {
  const { part, headers, ...rest } = request;
  const state: SourceState = {};
  const idleMs = upload.retry?.idleMs ?? DEFAULT_IDLE_MS;
  using watch = watchForStall(place.session.host, idleMs, upload.signal);
  const onProgress = (sent: number): void => {
    watch.moved();
    upload.onProgress?.(sent);
    if (sent === part.end) watch.rest();
  };
  try {
    return await place.session.send({
      ...rest,
      headers: {
        'content-type': 'application/octet-stream',
        'content-length': String(part.end - part.start),
        ...headers,
      },
      body: () => {
        watch.moved();
        return bodyOf({ ...upload, onProgress }, part, state);
      },
      repository: place.path,
      scopes: [pushScope(place.path)],
      attempts: 1,
      signal: watch.signal,
    });
  } catch (error) {
    throw state.failure ?? error;
  }
};

const sendWhole = (place: Place, upload: BlobUpload, location: URL): Promise<ApiResponse> => {
  const { digest, size } = upload.descriptor;
  return send(place, upload, {
    method: 'PUT',
    url: withDigest(location, digest),
    part: { start: 0, end: size },
  });
};

const sendPart = (place: Place, upload: BlobUpload, standing: Standing): Promise<ApiResponse> => {
  const { size } = upload.descriptor;
  const { location, offset: start, chunk = size } = standing;
  const end = Math.min(size, start + chunk);
  const isAll = start === 0 && end === size;
  const headers = isAll ? {} : { 'content-range': `${start}-${end - 1}` };
  return send(place, upload, { method: 'PATCH', url: location, headers, part: { start, end } });
};

const finish = async (place: Place, upload: BlobUpload, location: URL): Promise<ApiResponse> =>
  place.session.send({
    method: 'PUT',
    url: withDigest(location, upload.descriptor.digest),
    headers: { 'content-type': 'application/octet-stream', 'content-length': '0' },
    repository: place.path,
    scopes: [pushScope(place.path)],
    signal: upload.signal,
  });

/** Where the registry stands after a cut: undefined when it has forgotten the session. */
const progressOf = async (place: Place, upload: BlobUpload, location: URL): Promise<Standing | undefined> => {
  const response = await place.session.send({
    method: 'GET',
    url: location,
    repository: place.path,
    scopes: [pushScope(place.path)],
    signal: upload.signal,
  });
  response.body.resume();
  const { range } = response.headers;
  const match = /^(?:bytes=)?0-(\d+)$/.exec(typeof range === 'string' ? range : '');
  if (response.status !== 204 || match === null) return undefined;
  const taken = Number(match[1]);
  const next = response.headers.location === undefined ? location : locationOf(response, place.session.host);
  return { location: next, offset: taken === 0 ? 0 : taken + 1 };
};

const cancel = async (place: Place, location: URL): Promise<void> => {
  const response = await place.session.send({
    method: 'DELETE',
    url: location,
    repository: place.path,
    scopes: [pushScope(place.path)],
    attempts: 1,
    signal: AbortSignal.timeout(5_000),
  });
  response.body.resume();
};

/** Answers that another try may mend. */
class TransientAnswer extends Error {
  readonly response: ApiResponse;
  constructor(response: ApiResponse) {
    super('transient answer');
    this.response = response;
  }
}

/** The registry takes less in one request. */
class TooMuch extends Error {
  readonly response: ApiResponse;
  constructor(response: ApiResponse) {
    super('too much in one request');
    this.response = response;
  }
}

const isAnswer = (error: unknown): error is TransientAnswer | TooMuch =>
  error instanceof TransientAnswer || error instanceof TooMuch;

const accepted = async (place: Place, upload: BlobUpload, response: ApiResponse): Promise<ApiResponse> => {
  if (response.status === 201 || response.status === 202) {
    response.body.resume();
    return response;
  }
  if (isTransientStatus(response.status) || response.status === 416) throw new TransientAnswer(response);
  if (response.status === 413) throw new TooMuch(response);
  throw await answerError(response, subjectOf(place, upload.descriptor.digest));
};

const attempt = async (place: Place, upload: BlobUpload, standing: Standing): Promise<void> => {
  const { size } = upload.descriptor;
  if (standing.offset === 0 && size <= SINGLE_PUT_BYTES) {
    await accepted(place, upload, await sendWhole(place, upload, standing.location));
    return;
  }
  let { location } = standing;
  for (let { offset } = standing; offset < size; offset += standing.chunk ?? size) {
    const patched = await sendPart(place, upload, { ...standing, location, offset });
    await accepted(place, upload, patched);
    location = locationOf(patched, place.session.host);
  }
  await accepted(place, upload, await finish(place, upload, location));
};

/** What to send in one request after the registry (or a proxy before it) found that too much. */
const smallerChunk = (error: unknown, { chunk }: Standing, size: number): number | undefined => {
  if (!(error instanceof TooMuch)) return undefined;
  return CHUNKS.find((bytes) => bytes < (chunk ?? size));
};

/** Where to go on after a failure; the failure itself when it is for good. */
const afterFailure = async (
  place: Place,
  upload: BlobUpload,
  { standing, failures, error }: { standing: Standing; failures: number; error: unknown },
): Promise<Standing> => {
  const { digest, size } = upload.descriptor;
  const retry = createRetry(upload.retry);
  const chunk = smallerChunk(error, standing, size);
  const transient = error instanceof TransientAnswer || isTransientFailure(error);
  if (chunk === undefined && (!transient || failures >= retry.attempts)) {
    await cancel(place, standing.location).catch(() => undefined);
    throw isAnswer(error) ? await answerError(error.response, subjectOf(place, digest)) : error;
  }
  if (isAnswer(error)) drain(error.response);
  if (chunk === undefined) {
    const after = isAnswer(error) ? retryAfterMs(error.response.headers['retry-after']) : undefined;
    await retry.pause(failures + 1, { after, signal: upload.signal });
  }
  const next = (await progressOf(place, upload, standing.location)) ?? (await fresh(place, upload));
  return { ...next, chunk: chunk ?? standing.chunk };
};

const fresh = async (place: Place, upload: BlobUpload): Promise<Standing> => ({
  location: await startUpload(place, upload.descriptor.digest, upload),
  offset: 0,
});

/**
 * Uploads one blob: a single PUT when it is small, else PATCH and PUT; in chunks where the registry takes no more in one
 * request. After a cut it asks how far the registry got and sends the rest, or starts over. What fails for good leaves no
 * session behind where the registry can end one.
 */
export const pushBlob = async (place: Place, upload: BlobUpload): Promise<void> => {
  let standing: Standing =
    upload.location === undefined ? await fresh(place, upload) : { location: upload.location, offset: 0 };
  for (let failures = 0; ;) {
    try {
      await attempt(place, upload, standing);
      return;
    } catch (error) {
      failures += 1;
      const next = await afterFailure(place, upload, { standing, failures, error });
      if (next.offset - standing.offset >= PROGRESS_BYTES) failures = 1;
      standing = next;
    }
  }
};
