import { Readable } from 'node:stream';
import { connectionFailure } from '#http';
import type { Digest } from '#oci';
import { answerError, type Subject } from './api-errors.ts';
import { distributionErrors } from './errors.ts';
import { pullScope, type Place } from './manifests.ts';
import { createRetry, isTransientFailure } from './retry.ts';
import type { ApiResponse } from './session.ts';
import type { BlobOptions, Cancellable, FetchedBlob, RetryPolicy } from './types.ts';

/** A resumed transfer that moved this much counts as a fresh one. */
const PROGRESS_BYTES = 1024 * 1024;

interface Opened {
  readonly response: ApiResponse;
  /** Offset of the first byte of the answer. */
  readonly start: number;
  /** Bytes of the whole blob, as far as the answer tells. */
  readonly size: number | undefined;
}

const subjectOf = (place: Place, digest: Digest): Subject => ({
  host: place.session.host,
  name: place.name,
  kind: 'blob',
  digest,
});

const lengthOf = (response: ApiResponse): number | undefined => {
  const length = response.headers['content-length'];
  return typeof length === 'string' && /^\d+$/.test(length) ? Number(length) : undefined;
};

const readRange = (
  response: ApiResponse,
): { readonly start: number; readonly size: number | undefined } | undefined => {
  const header = response.headers['content-range'];
  const match = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(typeof header === 'string' ? header : '');
  if (match === null) return undefined;
  return { start: Number(match[1]), size: match[2] === '*' ? undefined : Number(match[2]) };
};

const open = async (
  place: Place,
  digest: Digest,
  { start, signal }: { readonly start: number } & Cancellable,
): Promise<Opened> => {
  const response = await place.session.send({
    method: 'GET',
    url: `/v2/${place.path}/blobs/${digest}`,
    headers: { 'accept-encoding': 'identity', ...(start > 0 ? { range: `bytes=${start}-` } : {}) },
    repository: place.path,
    scopes: [pullScope(place.path)],
    signal,
  });
  if (response.status === 200) return { response, start: 0, size: lengthOf(response) };
  if (response.status !== 206) throw await answerError(response, subjectOf(place, digest));
  const range = readRange(response);
  if (range === undefined || range.start > start) {
    response.body.destroy();
    throw distributionErrors.unreadableAnswer({
      host: place.session.host,
      reason: 'it answers another range',
    });
  }
  return { response, ...range };
};

interface Transfer extends Cancellable {
  readonly place: Place;
  readonly digest: Digest;
  readonly size: number;
  readonly retry: RetryPolicy | undefined;
}

/** Passes the bytes from `start` on; opens the rest again when the connection is cut. */
async function* resuming(transfer: Transfer, first: Opened, start: number): AsyncGenerator<Buffer> {
  const { place, digest, size, signal } = transfer;
  const retry = createRetry(transfer.retry);
  const target = place.session.host;
  let opened = first;
  let offset = start;
  let failures = 0;
  for (;;) {
    let position = opened.start;
    const before = offset;
    let failure: unknown;
    try {
      for await (const chunk of opened.response.body as AsyncIterable<Buffer>) {
        const fresh = chunk.subarray(Math.min(Math.max(offset - position, 0), chunk.length));
        position += chunk.length;
        if (position > size) {
          throw distributionErrors.sizeMismatch({
            host: target,
            name: digest,
            expected: size,
            actual: position,
          });
        }
        offset += fresh.length;
        if (fresh.length > 0) yield fresh;
      }
    } catch (error) {
      failure = connectionFailure(error, target, signal);
      if (!isTransientFailure(failure)) throw failure;
    }
    if (offset === size) return;
    failure ??= distributionErrors.sizeMismatch({
      host: target,
      name: digest,
      expected: size,
      actual: offset,
    });
    failures = offset - before >= PROGRESS_BYTES ? 1 : failures + 1;
    if (failures >= retry.attempts) throw failure;
    await retry.pause(failures + 1, { signal });
    opened = await open(place, digest, { start: offset, signal });
  }
}

/** Opens a blob from `start` on; its stream resumes by ranges. */
export const fetchBlob = async (
  place: Place,
  digest: Digest,
  options: BlobOptions & { readonly retry?: RetryPolicy | undefined },
): Promise<FetchedBlob> => {
  const { start: wanted = 0, signal, retry } = options;
  const opened = await open(place, digest, { start: wanted, signal });
  const size = opened.size ?? options.size;
  const subject = subjectOf(place, digest);
  if (size === undefined) {
    opened.response.body.destroy();
    throw distributionErrors.unreadableAnswer({
      host: place.session.host,
      reason: 'it does not say how long a blob is',
    });
  }
  if (options.size !== undefined && size !== options.size) {
    opened.response.body.destroy();
    throw distributionErrors.sizeMismatch({ ...subject, expected: options.size, actual: size });
  }
  const partial = wanted > 0 && opened.start > 0;
  const chunks = resuming({ place, digest, size, signal, retry }, opened, partial ? wanted : 0);
  const stream = Readable.from(chunks, { objectMode: false, highWaterMark: 1024 * 1024 });
  stream.once('close', () => opened.response.body.destroy());
  return { size, stream, partial };
};

/** Whether the repository has the blob. */
export const hasBlob = async (
  place: Place,
  digest: Digest,
  { signal }: Cancellable = {},
): Promise<boolean> => {
  const response = await place.session.send({
    method: 'HEAD',
    url: `/v2/${place.path}/blobs/${digest}`,
    repository: place.path,
    scopes: [pullScope(place.path)],
    signal,
  });
  response.body.resume();
  if (response.status === 200) return true;
  if (response.status === 404) return false;
  throw await answerError(response, subjectOf(place, digest));
};
