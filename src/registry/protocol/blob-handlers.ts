import { blobErrors, type ByteRange } from '#blobs';
import type { Digest } from '#oci';
import { answer, sendHead } from './answers.ts';
import { findBlob, type BlobSource } from './blob-sources.ts';
import { namesEntity } from './conditions.ts';
import type { Call } from './call.ts';
import { protocolErrors } from './errors.ts';

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
  const match = /^bytes=\s*(\d*)-(\d*)\s*$/i.exec(header?.trim() ?? '');
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

const sendBlob = async (call: Call, digest: Digest, source: BlobSource): Promise<void> => {
  const { size } = source;
  const headers = commonHeaders(digest);
  const { 'if-range': condition } = call.request.headers;
  const isSame = condition === undefined || condition === headers.ETag;
  const range = isSame ? parseRange(call.request.headers.range, size) : undefined;
  if (range === 'unsatisfiable') {
    return answer(call, { status: 416, headers: { ...headers, 'Content-Range': `bytes */${size}` } });
  }
  const { start, end } = range ?? { start: 0, end: size };
  const status = range === undefined ? 200 : 206;
  const more = range === undefined ? {} : { 'Content-Range': `bytes ${start}-${end - 1}/${size}` };
  const head = { ...headers, ...more, 'Content-Length': end - start };
  if (call.method === 'HEAD') return answer(call, { status, headers: head });
  await source.send({ start, end }, () => sendHead(call, { status, headers: head }));
};

/** GET and HEAD of a blob that the repository links, or that its upstream has. */
export const getBlob = async (call: Call, place: BlobPlace): Promise<void> => {
  const { repository, digest } = place;
  if (call.method === 'HEAD') await call.services.protection?.promised(repository, digest);
  await using source = await findBlob(call, place);
  if (source === undefined) throw blobErrors.unknown({ digest });
  const known = namesEntity(call.request.headers['if-none-match'], `"${digest}"`);
  if (known) return answer(call, { status: 304, headers: commonHeaders(digest) });
  // Parts that a client asks for on its way through a blob are no pulls of their own.
  if (call.method === 'GET' && (call.request.headers.range ?? 'bytes=0-').startsWith('bytes=0-'))
    call.services.observer.pulledBlob?.({ repository, digest, size: source.size, cause: call.cause });
  await sendBlob(call, digest, source);
};

const requireUnused = ({ services }: Call, { repository, digest }: BlobPlace): void => {
  const { contents } = services.storage.metadata;
  const manifest = contents.userOf(repository, digest);
  if (manifest !== undefined && contents.linkedBlob(repository, digest) !== undefined)
    throw protocolErrors.blobInUse({ digest, manifest });
};

/** Unlinks a blob; its bytes go with the next collection. Blobs of a manifest stay. */
export const deleteBlob = async (call: Call, place: BlobPlace): Promise<void> => {
  const { repository, digest } = place;
  const { contents } = call.services.storage.metadata;
  requireUnused(call, place);
  if (await contents.unlinkBlob({ repository, target: digest, cause: call.cause }))
    return answer(call, { status: 202 });
  requireUnused(call, place);
  throw blobErrors.unknown({ digest });
};
