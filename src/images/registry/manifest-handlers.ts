import { hash } from 'node:crypto';
import { isLadeError } from '#errors';
import { httpErrors, incoming, readBody } from '#http';
import { algorithmOf, digestOf, type Digest } from '#oci';
import { answer } from './answers.ts';
import type { Call } from './call.ts';
import { registryErrors } from './errors.ts';
import { readManifest } from './manifest.ts';
import { requireTag, type ManifestTarget } from './names.ts';

const MAX_TAGS = 100;

export interface ManifestPlace {
  readonly repository: string;
  readonly target: ManifestTarget;
}

const textOf = (target: ManifestTarget): string => (target.kind === 'tag' ? target.tag : target.digest);

const digestFor = (call: Call, { repository, target }: ManifestPlace): Digest => {
  const { metadata } = call.services.storage;
  const digest = target.kind === 'digest' ? target.digest : metadata.tagged(repository, target.tag);
  if (digest !== undefined) return digest;
  if (!metadata.hasRepository(repository)) throw registryErrors.nameUnknown({ name: repository });
  throw registryErrors.manifestUnknown({ repository, reference: textOf(target) });
};

const headersOf = (digest: Digest, mediaType: string, size: number) => ({
  'Content-Type': mediaType,
  'Content-Length': size,
  'Docker-Content-Digest': digest,
  ETag: `"${digest}"`,
});

const unknown = (call: Call, place: ManifestPlace): Error =>
  call.services.storage.metadata.hasRepository(place.repository)
    ? registryErrors.manifestUnknown({ repository: place.repository, reference: textOf(place.target) })
    : registryErrors.nameUnknown({ name: place.repository });

/** GET and HEAD, byte for byte as it was pushed. */
export const getManifest = async (call: Call, place: ManifestPlace): Promise<Response> => {
  const { metadata } = call.services.storage;
  const digest = digestFor(call, place);
  const known = incoming(call.c).headers['if-none-match']?.includes(`"${digest}"`) === true;
  if (call.method === 'HEAD' || known) {
    const head = metadata.manifestHead(place.repository, digest);
    if (head === undefined) throw unknown(call, place);
    const headers = headersOf(digest, head.mediaType, head.size);
    if (call.method === 'HEAD') return answer(call.c, { status: 200, headers });
    return answer(call.c, { status: 304, headers: { ETag: headers.ETag, 'Docker-Content-Digest': digest } });
  }
  const manifest = metadata.manifest(place.repository, digest);
  if (manifest === undefined) throw unknown(call, place);
  const { mediaType, bytes } = manifest;
  const tag = place.target.kind === 'tag' ? place.target.tag : undefined;
  call.services.emit({
    kind: 'manifest-pulled',
    repository: place.repository,
    digest,
    mediaType,
    tag,
    actor: call.identity?.name,
  });
  return answer(call.c, { status: 200, headers: headersOf(digest, mediaType, bytes.length), body: bytes });
};

const readBytes = async (call: Call): Promise<Buffer> => {
  const limit = call.services.manifestBytes;
  try {
    return await readBody(call.c, limit);
  } catch (error) {
    if (httpErrors.bodyTooLarge.is(error)) throw registryErrors.manifestTooLarge({ limit }, error);
    throw error;
  }
};

const digestOfBytes = (bytes: Buffer, target: ManifestTarget): Digest => {
  const algorithm = target.kind === 'digest' ? algorithmOf(target.digest) : 'sha256';
  const digest = digestOf(algorithm, hash(algorithm, bytes, 'hex'));
  if (target.kind === 'digest' && target.digest !== digest) {
    throw registryErrors.digestInvalid({ expected: target.digest, actual: digest });
  }
  return digest;
};

/** Tags of the request: the target itself, or `?tag=` beside a digest. */
const tagsOf = (call: Call, target: ManifestTarget): readonly string[] => {
  if (target.kind === 'tag') return [target.tag];
  const tags = [...new Set(call.query.getAll('tag'))].map(requireTag);
  if (tags.length > MAX_TAGS) throw registryErrors.tooManyTags({ limit: MAX_TAGS });
  return tags;
};

const missingBlobs = (call: Call, repository: string, digests: readonly Digest[]): readonly Digest[] =>
  digests.filter((digest) => call.services.storage.metadata.linkedBlob(repository, digest) === undefined);

/** PUT: checks what it refers to, keeps the exact bytes, moves the tags. */
export const putManifest = async (call: Call, { repository, target }: ManifestPlace): Promise<Response> => {
  const tags = tagsOf(call, target);
  const bytes = await readBytes(call);
  const digest = digestOfBytes(bytes, target);
  const contentType = (incoming(call.c).headers['content-type'] ?? '').split(';')[0]?.trim() ?? '';
  const facts = readManifest(bytes, contentType);
  const missing = missingBlobs(call, repository, facts.blobs);
  if (missing.length > 0) throw registryErrors.manifestBlobUnknown({ digests: missing });
  try {
    await call.services.storage.metadata.putManifest({ repository, digest, bytes, facts, tags });
  } catch (error) {
    if (isLadeError(error, 'conflict'))
      throw registryErrors.manifestBlobUnknown({ digests: facts.blobs }, error);
    throw error;
  }
  const { mediaType, subject } = facts;
  const actor = call.identity?.name;
  for (const tag of tags.length === 0 ? [undefined] : tags) {
    call.services.emit({ kind: 'manifest-pushed', repository, digest, mediaType, tag, actor });
  }
  return answer(call.c, {
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
export const deleteManifest = async (call: Call, place: ManifestPlace): Promise<Response> => {
  const { repository, target } = place;
  const { metadata } = call.services.storage;
  const actor = call.identity?.name;
  if (target.kind === 'tag') {
    if (!(await metadata.removeTag(repository, target.tag))) throw unknown(call, place);
    call.services.emit({ kind: 'tag-deleted', repository, tag: target.tag, actor });
    return answer(call.c, { status: 202 });
  }
  const head = metadata.manifestHead(repository, target.digest);
  if (head === undefined || !(await metadata.removeManifest(repository, target.digest)))
    throw unknown(call, place);
  const { digest, mediaType } = head;
  call.services.emit({ kind: 'manifest-deleted', repository, digest, mediaType, actor });
  return answer(call.c, { status: 202 });
};
