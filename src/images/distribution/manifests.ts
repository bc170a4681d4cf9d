import { hash } from 'node:crypto';
import { isLadeError, type LadeError } from '#errors';
import { collect } from '#http';
import {
  algorithmOf,
  digestOf,
  isDigest,
  parseDigest,
  refuseSchemaOne,
  type Descriptor,
  type Digest,
} from '#oci';
import { answerError, type Subject } from './api-errors.ts';
import { distributionErrors } from './errors.ts';
import type { ApiResponse, Session } from './session.ts';
import type { Cancellable, FetchedManifest, PushedManifest } from './types.ts';

const MAX_MANIFEST_BYTES = 8 * 1024 * 1024;
const GENERIC_TYPES: ReadonlySet<string> = new Set([
  '',
  'text/plain',
  'application/json',
  'application/octet-stream',
]);

/** Media types of manifests that a client of ours can read, best first. */
const ACCEPT = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
  '*/*;q=0.1',
].join(', ');

/** One repository as the calls of this room see it. */
export interface Place {
  readonly session: Session;
  /** Path in the registry. */
  readonly path: string;
  /** What errors call it. */
  readonly name: string;
  /** Of a place that has one blob and nothing else. */
  readonly blobUrl?: URL | undefined;
}

export const pullScope = (path: string): string => `repository:${path}:pull`;
export const pushScope = (path: string): string => `repository:${path}:pull,push`;

const subjectOf = (place: Place, target: string): Subject => ({
  host: place.session.host,
  name: `${place.name}${isDigest(target) ? '@' : ':'}${target}`,
  kind: 'manifest',
});

const manifestUrl = (place: Place, target: string): string => `/v2/${place.path}/manifests/${target}`;

const mediaTypeIn = (bytes: Buffer): string => {
  try {
    const value: unknown = JSON.parse(bytes.toString('utf8'));
    if (typeof value !== 'object' || value === null) return '';
    if ('mediaType' in value && typeof value.mediaType === 'string') return value.mediaType;
    return 'manifests' in value
      ? 'application/vnd.oci.image.index.v1+json'
      : 'application/vnd.oci.image.manifest.v1+json';
  } catch {
    return '';
  }
};

const headerMediaType = (response: ApiResponse): string => {
  const header = response.headers['content-type'];
  return typeof header === 'string' ? (header.split(';')[0] ?? '').trim().toLowerCase() : '';
};

const namedDigest = (response: ApiResponse): Digest | undefined => {
  const header = response.headers['docker-content-digest'];
  return typeof header === 'string' && isDigest(header) ? parseDigest(header) : undefined;
};

const readBounded = async (response: ApiResponse, subject: Subject): Promise<Buffer> => {
  try {
    return await collect(response.body, MAX_MANIFEST_BYTES);
  } catch (error) {
    if (isLadeError(error, 'invalid-argument')) {
      throw distributionErrors.manifestTooLarge({ ...subject, limit: MAX_MANIFEST_BYTES }, error);
    }
    throw error;
  }
};

const mismatch = (subject: Subject, expected: Digest, actual: Digest): LadeError =>
  distributionErrors.digestMismatch({ ...subject, expected, actual });

/** Fetches a manifest by tag or digest; its bytes have the digest that was asked for or named. */
export const fetchManifest = async (
  place: Place,
  target: string | Descriptor,
  { signal }: Cancellable = {},
): Promise<FetchedManifest> => {
  const wanted = typeof target === 'string' ? target : target.digest;
  const subject = subjectOf(place, wanted);
  const response = await place.session.send({
    method: 'GET',
    url: manifestUrl(place, wanted),
    headers: { accept: ACCEPT },
    repository: place.path,
    scopes: [pullScope(place.path)],
    signal,
  });
  if (response.status !== 200) throw await answerError(response, subject);
  const bytes = await readBounded(response, subject);
  const expected = isDigest(wanted) ? parseDigest(wanted) : namedDigest(response);
  const algorithm = expected === undefined ? 'sha256' : algorithmOf(expected);
  const actual = digestOf(algorithm, hash(algorithm, bytes, 'hex'));
  if (expected !== undefined && actual !== expected) {
    refuseSchemaOne(bytes, headerMediaType(response));
    throw mismatch(subject, expected, actual);
  }
  if (typeof target !== 'string' && bytes.length !== target.size) {
    throw distributionErrors.sizeMismatch({ ...subject, expected: target.size, actual: bytes.length });
  }
  const stated = headerMediaType(response);
  const mediaType = GENERIC_TYPES.has(stated) ? mediaTypeIn(bytes) || stated : stated;
  return { descriptor: { mediaType, digest: actual, size: bytes.length }, bytes };
};

/** What a tag or digest stands for; undefined when the registry has none, or does not say enough in a HEAD. */
export const headManifest = async (
  place: Place,
  target: string,
  { signal }: Cancellable = {},
): Promise<Descriptor | undefined> => {
  const response = await place.session.send({
    method: 'HEAD',
    url: manifestUrl(place, target),
    headers: { accept: ACCEPT },
    repository: place.path,
    scopes: [pullScope(place.path)],
    signal,
  });
  response.body.resume();
  if (response.status === 404) return undefined;
  if (response.status !== 200) throw await answerError(response, subjectOf(place, target));
  const digest = isDigest(target) ? parseDigest(target) : namedDigest(response);
  const size = Number(response.headers['content-length'] ?? Number.NaN);
  if (digest === undefined || !Number.isSafeInteger(size)) return undefined;
  return { mediaType: headerMediaType(response), digest, size };
};

/** Stores manifest bytes under a tag or digest; fails when the registry names another digest. */
export const pushManifest = async (
  place: Place,
  target: string,
  manifest: { readonly bytes: Buffer; readonly mediaType: string } & Cancellable,
): Promise<PushedManifest> => {
  const { bytes, mediaType, signal } = manifest;
  const subject = subjectOf(place, target);
  const algorithm = isDigest(target) ? algorithmOf(parseDigest(target)) : 'sha256';
  const digest = digestOf(algorithm, hash(algorithm, bytes, 'hex'));
  if (isDigest(target) && target !== digest) throw mismatch(subject, parseDigest(target), digest);
  const response = await place.session.send({
    method: 'PUT',
    url: manifestUrl(place, target),
    headers: { 'content-type': mediaType },
    body: () => bytes,
    repository: place.path,
    scopes: [pushScope(place.path)],
    signal,
  });
  if (response.status !== 201) throw await answerError(response, subject);
  response.body.resume();
  const named = namedDigest(response);
  if (named !== undefined && algorithmOf(named) === algorithm && named !== digest) {
    throw mismatch(subject, digest, named);
  }
  const listed = response.headers['oci-subject'] !== undefined;
  return { descriptor: { mediaType, digest, size: bytes.length }, listed };
};

/** Deletes a manifest or a tag. */
export const removeManifest = async (
  place: Place,
  target: string,
  { signal }: Cancellable = {},
): Promise<void> => {
  const scope = `repository:${place.path}:delete`;
  const response = await place.session.send({
    method: 'DELETE',
    url: manifestUrl(place, target),
    repository: place.path,
    scopes: [pushScope(place.path), scope],
    signal,
  });
  if (response.status !== 202 && response.status !== 200)
    throw await answerError(response, subjectOf(place, target));
  response.body.resume();
};
