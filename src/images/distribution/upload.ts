import { Transform, type Readable } from 'node:stream';
import type { Descriptor, Digest } from '#oci';
import { answerError, type Subject } from './api-errors.ts';
import { distributionErrors } from './errors.ts';
import { pullScope, pushScope, type Place } from './manifests.ts';
import { createRetry, isTransientFailure, isTransientStatus } from './retry.ts';
import { requireHeader, type ApiResponse } from './session.ts';
import type { Cancellable, MountResult, PushBlobOptions, RetryPolicy } from './types.ts';

/** Up to this size a blob goes in one PUT; above it, a PATCH that can be resumed and then an empty PUT. */
const SINGLE_PUT_BYTES = 1024 * 1024;

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

/** Mounts from another repository of the same registry; the upload session that comes instead is kept for the push. */
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
  if (response.status !== 201 && response.status !== 202) {
    throw await answerError(response, subjectOf(place, digest));
  }
  response.body.resume();
  if (response.status === 201) return 'mounted';
  options.onSession(locationOf(response, place.session.host));
  return 'upload-needed';
};

export interface BlobUpload extends PushBlobOptions {
  readonly descriptor: Pick<Descriptor, 'digest' | 'size'>;
  readonly open: () => Readable;
  /** A session that was begun already. */
  readonly location?: URL | undefined;
  readonly retry?: RetryPolicy | undefined;
}

/** What went wrong in the source, which no other try can mend. */
interface SourceState {
  failure?: unknown;
}

/** The content from `skip` on, counted; too many or too few bytes are the source's failure. */
const counted = (upload: BlobUpload, skip: number, state: SourceState): Readable => {
  const { descriptor, onProgress } = upload;
  const source = upload.open();
  let position = 0;
  const counter = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      const fresh = chunk.subarray(Math.min(Math.max(skip - position, 0), chunk.length));
      position += chunk.length;
      if (fresh.length > 0) onProgress?.(position);
      done(null, fresh.length > 0 ? fresh : undefined);
    },
    flush(done) {
      if (position === descriptor.size) return done();
      const { digest, size } = descriptor;
      state.failure = distributionErrors.sizeMismatch({
        host: '',
        name: digest,
        expected: size,
        actual: position,
      });
      return done(state.failure as Error);
    },
  });
  source.once('error', (error) => {
    state.failure = error;
    counter.destroy(error);
  });
  counter.once('close', () => source.destroy());
  return source.pipe(counter);
};

const sendWhole = async (place: Place, upload: BlobUpload, location: URL): Promise<ApiResponse> => {
  const { digest, size } = upload.descriptor;
  const state: SourceState = {};
  try {
    return await place.session.send({
      method: 'PUT',
      url: withDigest(location, digest),
      headers: { 'content-type': 'application/octet-stream', 'content-length': String(size) },
      body: () => counted(upload, 0, state),
      repository: place.path,
      scopes: [pushScope(place.path)],
      attempts: 1,
      signal: upload.signal,
    });
  } catch (error) {
    throw state.failure ?? error;
  }
};

const sendRest = async (
  place: Place,
  upload: BlobUpload,
  session: { readonly location: URL; readonly offset: number },
): Promise<ApiResponse> => {
  const { size } = upload.descriptor;
  const { location, offset } = session;
  const state: SourceState = {};
  const range = offset === 0 ? {} : { 'content-range': `${offset}-${size - 1}` };
  try {
    return await place.session.send({
      method: 'PATCH',
      url: location,
      headers: {
        'content-type': 'application/octet-stream',
        'content-length': String(size - offset),
        ...range,
      },
      body: () => counted(upload, offset, state),
      repository: place.path,
      scopes: [pushScope(place.path)],
      attempts: 1,
      signal: upload.signal,
    });
  } catch (error) {
    throw state.failure ?? error;
  }
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
const progressOf = async (
  place: Place,
  upload: BlobUpload,
  location: URL,
): Promise<{ readonly location: URL; readonly offset: number } | undefined> => {
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

class TransientAnswer extends Error {
  readonly response: ApiResponse;
  constructor(response: ApiResponse) {
    super('transient answer');
    this.response = response;
  }
}

const accepted = async (place: Place, upload: BlobUpload, response: ApiResponse): Promise<ApiResponse> => {
  if (response.status === 201 || response.status === 202) {
    response.body.resume();
    return response;
  }
  if (isTransientStatus(response.status) || response.status === 416) throw new TransientAnswer(response);
  throw await answerError(response, subjectOf(place, upload.descriptor.digest));
};

const attempt = async (
  place: Place,
  upload: BlobUpload,
  session: { readonly location: URL; readonly offset: number },
): Promise<void> => {
  const { size } = upload.descriptor;
  if (session.offset === 0 && size <= SINGLE_PUT_BYTES) {
    await accepted(place, upload, await sendWhole(place, upload, session.location));
    return;
  }
  let { location } = session;
  if (session.offset < size) {
    const patched = await accepted(place, upload, await sendRest(place, upload, session));
    location = locationOf(patched, place.session.host);
  }
  await accepted(place, upload, await finish(place, upload, location));
};

/**
 * Uploads one blob: a single PUT when it is small, else PATCH and PUT. After a cut it asks how far the registry got and
 * sends the rest, or starts over. What fails for good leaves no session behind where the registry can end one.
 */
export const pushBlob = async (place: Place, upload: BlobUpload): Promise<void> => {
  const { digest } = upload.descriptor;
  const retry = createRetry(upload.retry);
  const fresh = async () => ({ location: await startUpload(place, digest, upload), offset: 0 });
  let session = upload.location === undefined ? await fresh() : { location: upload.location, offset: 0 };
  for (let tries = 1; ; tries += 1) {
    try {
      await attempt(place, upload, session);
      return;
    } catch (error) {
      const transient = error instanceof TransientAnswer || isTransientFailure(error);
      if (!transient || tries >= retry.attempts) {
        await cancel(place, session.location).catch(() => undefined);
        if (error instanceof TransientAnswer)
          throw await answerError(error.response, subjectOf(place, digest));
        throw error;
      }
      if (error instanceof TransientAnswer) error.response.body.resume();
    }
    await retry.pause(tries + 1, { signal: upload.signal });
    session = (await progressOf(place, upload, session.location)) ?? (await fresh());
  }
};
