import { hash } from 'node:crypto';
import { blobErrors } from '#blobs';
import { httpErrors, readIncoming } from '#http';
import { metadataErrors, readManifest, requireTag, type ManifestTarget } from '#metadata';
import { algorithmOf, digestOf, type Digest } from '#oci';
import { answer } from './answers.ts';
import type { Call } from './call.ts';
import { expectedOfTag, namesEntity } from './conditions.ts';
import { protocolErrors } from './errors.ts';
import { warnOfStale } from './pull-through.ts';

const MAX_TAGS = 100;

export interface ManifestPlace {
  readonly repository: string;
  readonly target: ManifestTarget;
}

const textOf = (target: ManifestTarget): string => (target.kind === 'tag' ? target.tag : target.digest);

const digestFor = (call: Call, { repository, target }: ManifestPlace): Digest => {
  const { contents } = call.services.storage.metadata;
  const digest = target.kind === 'digest' ? target.digest : contents.tagged(repository, target.tag);
  if (digest !== undefined) return digest;
  if (!contents.hasRepository(repository)) throw protocolErrors.nameUnknown({ name: repository });
  throw protocolErrors.manifestUnknown({ repository, reference: textOf(target) });
};

const headersOf = (digest: Digest, mediaType: string, size: number) => ({
  'Content-Type': mediaType,
  'Content-Length': size,
  'Docker-Content-Digest': digest,
  ETag: `"${digest}"`,
  // What was pushed is data, whatever media type its sender gave it: no browser may run it.
  'X-Content-Type-Options': 'nosniff',
  'Content-Security-Policy': "default-src 'none'; sandbox",
});

const unknown = (call: Call, place: ManifestPlace): Error =>
  call.services.storage.metadata.contents.hasRepository(place.repository)
    ? protocolErrors.manifestUnknown({ repository: place.repository, reference: textOf(place.target) })
    : protocolErrors.nameUnknown({ name: place.repository });

/** GET and HEAD, byte for byte as it was pushed. */
export const getManifest = async (call: Call, place: ManifestPlace): Promise<void> => {
  const { storage, upstreams } = call.services;
  const { contents } = storage.metadata;
  if (upstreams?.covers(place.repository) === true)
    warnOfStale(call.response, await upstreams.ensureManifest({ ...place, ...call }));
  const digest = digestFor(call, place);
  const removal = call.services.protection?.promised(place.repository, digest);
  if (removal !== undefined) await removal;
  const known = namesEntity(call.request.headers['if-none-match'], `"${digest}"`);
  if (call.method === 'HEAD' || known) {
    const head = contents.manifestHead(place.repository, digest);
    if (head === undefined) throw unknown(call, place);
    const headers = headersOf(digest, head.mediaType, head.size);
    if (!known) return answer(call, { status: 200, headers });
    return answer(call, { status: 304, headers: { ETag: headers.ETag, 'Docker-Content-Digest': digest } });
  }
  const manifest = contents.manifest(place.repository, digest);
  if (manifest === undefined) throw unknown(call, place);
  const { mediaType, bytes } = manifest;
  const tag = place.target.kind === 'tag' ? place.target.tag : undefined;
  const { repository } = place;
  const { cause } = call;
  call.services.observer.pulled?.({ repository, digest, mediaType, size: bytes.length, tag, cause });
  return answer(call, { status: 200, headers: headersOf(digest, mediaType, bytes.length), body: bytes });
};

const readBytes = async (call: Call): Promise<Buffer> => {
  const limit = call.services.manifestBytes;
  try {
    return await readIncoming(call.request, limit);
  } catch (error) {
    if (httpErrors.bodyTooLarge.is(error)) throw protocolErrors.manifestTooLarge({ limit }, error);
    throw error;
  }
};

const digestOfBytes = (bytes: Buffer, target: ManifestTarget): Digest => {
  const algorithm = target.kind === 'digest' ? algorithmOf(target.digest) : 'sha256';
  const digest = digestOf(algorithm, hash(algorithm, bytes, 'hex'));
  if (target.kind === 'digest' && target.digest !== digest) {
    throw blobErrors.digestInvalid({ expected: target.digest, actual: digest });
  }
  return digest;
};

/** Tags of the request: the target itself, or `?tag=` beside a digest. */
const tagsOf = (call: Call, target: ManifestTarget): readonly string[] => {
  if (target.kind === 'tag') return [target.tag];
  const tags = [...new Set(call.query.getAll('tag'))].map(requireTag);
  if (tags.length > MAX_TAGS) throw protocolErrors.tooManyTags({ limit: MAX_TAGS });
  return tags;
};

const missingBlobs = (call: Call, repository: string, digests: readonly Digest[]): readonly Digest[] =>
  digests.filter(
    (digest) => call.services.storage.metadata.contents.linkedBlob(repository, digest) === undefined,
  );

/** PUT: checks what it refers to, keeps the exact bytes, moves the tags. */
export const putManifest = async (call: Call, { repository, target }: ManifestPlace): Promise<void> => {
  const tags = tagsOf(call, target);
  const bytes = await readBytes(call);
  const digest = digestOfBytes(bytes, target);
  const contentType = (call.request.headers['content-type'] ?? '').split(';')[0]?.trim() ?? '';
  const facts = readManifest(bytes, contentType);
  const missing = missingBlobs(call, repository, facts.blobs);
  if (missing.length > 0) throw metadataErrors.manifestBlobUnknown({ digests: missing });
  const { contents } = call.services.storage.metadata;
  const expected = expectedOfTag(call.request.headers);
  await contents.putManifest({ repository, digest, bytes, facts, tags, expected, cause: call.cause });
  const { subject } = facts;
  return answer(call, {
    status: 201,
    headers: {
      Location: `/v2/${repository}/manifests/${digest}`,
      'Docker-Content-Digest': digest,
      ...(subject === undefined ? {} : { 'OCI-Subject': subject }),
      ...(target.kind === 'digest' && tags.length > 0 ? { 'OCI-Tag': tags } : {}),
    },
  });
};

/** DELETE: a tag alone, or a manifest with all its tags. */
export const deleteManifest = async (call: Call, place: ManifestPlace): Promise<void> => {
  const { repository, target } = place;
  const { contents } = call.services.storage.metadata;
  const { cause } = call;
  if (target.kind === 'tag') {
    if (!(await contents.removeTag({ repository, target: target.tag, cause }))) throw unknown(call, place);
    return answer(call, { status: 202 });
  }
  const head = contents.manifestHead(repository, target.digest);
  if (head === undefined || !(await contents.removeManifest({ repository, target: head, cause })))
    throw unknown(call, place);
  return answer(call, { status: 202 });
};
