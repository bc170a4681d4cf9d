import { Readable } from 'node:stream';
import { chunksOf, connectionFailure } from '#http';
import type { Digest } from '#oci';
import { answerError, type Subject } from './api-errors.ts';
import { distributionErrors } from './errors.ts';
import { pullScope, pushScope, type Place } from './manifests.ts';
import { createRetry, isTransientFailure } from './retry.ts';
import type { ApiResponse } from './session.ts';
import { fromFirst, type Sources } from './sources.ts';
import type { BlobOptions, Cancellable, FetchedBlob } from './types.ts';

/** A resumed transfer that moved this much counts as a fresh one. */
const PROGRESS_BYTES = 1024 * 1024;

interface Opened {
  readonly place: Place;
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

interface From extends Cancellable {
  readonly start: number;
}

const request = (place: Place, digest: Digest, { start, signal }: From): Promise<ApiResponse> =>
  place.session.send({
    method: 'GET',
    url: place.blobUrl ?? `/v2/${place.path}/blobs/${digest}`,
    headers: { 'accept-encoding': 'identity', ...(start > 0 ? { range: `bytes=${start}-` } : {}) },
    repository: place.path,
    scopes: [pullScope(place.path)],
    signal,
  });

/** Opens a blob near `start`: where the registry cannot give that range, from its beginning. */
const open = async (place: Place, digest: Digest, from: From): Promise<Opened> => {
  const response = await request(place, digest, from);
  if (response.status === 200) return { place, response, start: 0, size: lengthOf(response) };
  const range = response.status === 206 ? readRange(response) : undefined;
  if (range !== undefined && range.start <= from.start) return { place, response, ...range };
  if (from.start > 0 && (response.status === 206 || response.status === 416)) {
    response.body.on('error', () => undefined).destroy();
    return open(place, digest, { ...from, start: 0 });
  }
  if (response.status !== 206) throw await answerError(response, subjectOf(place, digest));
  response.body.on('error', () => undefined).destroy();
  throw distributionErrors.unreadableAnswer({ host: place.session.host, reason: 'it answers another range' });
};

/** Bytes of the whole blob; an answer that says nothing or something else is given up. */
const soundSize = (opened: Opened, digest: Digest, options: BlobOptions): number => {
  const size = opened.size ?? options.size;
  const { host } = opened.place.session;
  if (size !== undefined && (options.size === undefined || size === options.size)) return size;
  opened.response.body.on('error', () => undefined).destroy();
  if (size === undefined)
    throw distributionErrors.unreadableAnswer({ host, reason: 'it does not say how long a blob is' });
  const subject = subjectOf(opened.place, digest);
  throw distributionErrors.sizeMismatch({ ...subject, expected: options.size ?? size, actual: size });
};

interface Transfer extends Cancellable {
  readonly sources: Sources;
  readonly places: readonly Place[];
  readonly digest: Digest;
  readonly size: number;
}

type Wish = Pick<Transfer, 'sources' | 'places' | 'digest' | 'signal'> & { readonly start: number };

/** Opens the rest at the first place that has it. */
const openAt = ({ sources, places, digest, start, signal }: Wish): Promise<Opened> =>
  fromFirst(sources, places, (place) => open(place, digest, { start, signal }), signal);

/** Where to go on after a failure: the same place after a pause, or those behind it when it failed too often. */
const goOn = async (
  transfer: Transfer,
  from: { readonly place: Place; readonly offset: number; readonly failures: number },
  failure: unknown,
): Promise<Opened> => {
  const { sources, places, digest, signal } = transfer;
  const { place, offset: start, failures } = from;
  const behind = places.slice(places.indexOf(place));
  const retry = createRetry(place.session.retry);
  if (failures < retry.attempts) {
    await retry.pause(failures + 1, { signal });
    return openAt({ sources, places: behind, digest, start, signal });
  }
  if (behind.length === 1) throw failure;
  sources.failed(place, failure);
  return openAt({ sources, places: behind.slice(1), digest, start, signal });
};

/** Passes the bytes from `start` on; opens the rest again when the connection is cut. */
async function* resuming(transfer: Transfer, first: Opened, start: number): AsyncGenerator<Buffer> {
  const { digest, size, signal } = transfer;
  let opened = first;
  let offset = start;
  let failures = 0;
  for (;;) {
    const { place } = opened;
    const target = place.session.host;
    let position = opened.start;
    const before = offset;
    let failure: unknown;
    try {
      for await (const chunk of chunksOf(opened.response.body)) {
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
    opened = await goOn(transfer, { place, offset, failures }, failure);
    if (opened.place !== place) failures = 0;
    transfer.sources.took(digest, opened.place);
  }
}

/** Opens a blob from `start` on; its stream resumes by ranges, and at the next place when one fails. */
export const fetchBlob = async (
  sources: Sources,
  digest: Digest,
  options: BlobOptions & { readonly elsewhere?: readonly Place[] | undefined },
): Promise<FetchedBlob> => {
  const { start: wanted = 0, signal, elsewhere = [] } = options;
  const places = sources.places(digest, elsewhere);
  const sound = async (place: Place): Promise<Opened & { readonly size: number }> => {
    const opened = await open(place, digest, { start: wanted, signal });
    return { ...opened, size: soundSize(opened, digest, options) };
  };
  const opened = await fromFirst(sources, places, sound, signal);
  const { size } = opened;
  sources.took(digest, opened.place);
  const partial = wanted > 0 && opened.start > 0;
  const chunks = resuming({ sources, places, digest, size, signal }, opened, partial ? wanted : 0);
  const stream = Readable.from(chunks, { objectMode: false, highWaterMark: 1024 * 1024 });
  stream.once('close', () => opened.response.body.destroy());
  return { size, stream, chunks, partial };
};

/** Bytes of a blob that may be pulled; undefined when the registry has none, or does not say enough in a HEAD. */
export const blobSize = async (
  place: Place,
  digest: Digest,
  { signal }: Cancellable = {},
): Promise<number | undefined> => {
  const response = await place.session.send({
    method: 'HEAD',
    url: `/v2/${place.path}/blobs/${digest}`,
    headers: { 'accept-encoding': 'identity' },
    repository: place.path,
    scopes: [pullScope(place.path)],
    signal,
  });
  response.body.resume();
  if (response.status === 404) return undefined;
  if (response.status === 200) return lengthOf(response);
  throw await answerError(response, subjectOf(place, digest));
};

/**
 * Whether the repository has the blob; for pushing: with the rights for that, because a repository that does not exist
 * yet lets nobody pull.
 */
export const hasBlob = async (
  place: Place,
  digest: Digest,
  { signal }: Cancellable = {},
): Promise<boolean> => {
  const response = await place.session.send({
    method: 'HEAD',
    url: `/v2/${place.path}/blobs/${digest}`,
    repository: place.path,
    scopes: [pushScope(place.path)],
    signal,
  });
  response.body.resume();
  if (response.status === 200) return true;
  if (response.status === 404) return false;
  throw await answerError(response, subjectOf(place, digest));
};
