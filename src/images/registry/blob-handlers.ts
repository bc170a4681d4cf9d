import { incoming, sendStream } from '#http';
import type { Digest } from '#oci';
import { answer } from './answers.ts';
import type { Call } from './call.ts';
import { registryErrors } from './errors.ts';
import type { ByteRange } from './types.ts';

export interface BlobPlace {
  readonly repository: string;
  readonly digest: Digest;
}

/**
 * The one range that a Range header asks for. `undefined`: send everything (no header, several ranges, another unit);
 * `unsatisfiable`: 416.
 */
export const parseRange = (
  header: string | undefined,
  size: number,
): ByteRange | 'unsatisfiable' | undefined => {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header?.trim() ?? '');
  if (match === null) return undefined;
  const [, first = '', last = ''] = match;
  if (first === '' && last === '') return undefined;
  const range =
    first === ''
      ? { start: Math.max(0, size - Number(last)), end: size }
      : { start: Number(first), end: last === '' ? size : Math.min(size, Number(last) + 1) };
  return range.start >= range.end ? 'unsatisfiable' : range;
};

const commonHeaders = (digest: Digest) => ({
  'Content-Type': 'application/octet-stream',
  'Docker-Content-Digest': digest,
  'Accept-Ranges': 'bytes',
  'Cache-Control': 'private, max-age=31536000, immutable',
  ETag: `"${digest}"`,
});

const isKnownToClient = (call: Call, digest: Digest): boolean =>
  incoming(call.c).headers['if-none-match']?.includes(`"${digest}"`) === true;

const sendBlob = async (call: Call, digest: Digest, size: number): Promise<Response> => {
  const headers = commonHeaders(digest);
  const range = parseRange(incoming(call.c).headers.range, size);
  if (range === 'unsatisfiable') {
    return answer(call.c, { status: 416, headers: { ...headers, 'Content-Range': `bytes */${size}` } });
  }
  const { start, end } = range ?? { start: 0, end: size };
  const status = range === undefined ? 200 : 206;
  const more = range === undefined ? {} : { 'Content-Range': `bytes ${start}-${end - 1}/${size}` };
  const head = { ...headers, ...more, 'Content-Length': end - start };
  if (call.method === 'HEAD') return answer(call.c, { status, headers: head });
  const source = await call.services.storage.blobs.read(digest, { start, end });
  return sendStream(call.c, { status, headers: head }, source);
};

/** GET and HEAD of a blob that the repository links. */
export const getBlob = async (call: Call, { repository, digest }: BlobPlace): Promise<Response> => {
  const blob = call.services.storage.metadata.linkedBlob(repository, digest);
  if (blob === undefined) throw registryErrors.blobUnknown({ digest });
  if (isKnownToClient(call, digest)) return answer(call.c, { status: 304, headers: commonHeaders(digest) });
  return sendBlob(call, digest, blob.size);
};

/** Unlinks a blob; its bytes go with the next collection. Blobs of a manifest stay. */
export const deleteBlob = async (call: Call, { repository, digest }: BlobPlace): Promise<Response> => {
  const { metadata } = call.services.storage;
  const manifest = metadata.userOf(repository, digest);
  if (manifest !== undefined && metadata.linkedBlob(repository, digest) !== undefined) {
    throw registryErrors.blobInUse({ digest, manifest });
  }
  if (!(await metadata.unlinkBlob(repository, digest))) throw registryErrors.blobUnknown({ digest });
  call.services.emit({ kind: 'blob-deleted', repository, digest, actor: call.identity?.name });
  return answer(call.c, { status: 202 });
};
