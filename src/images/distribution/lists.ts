import { collect } from '#http';
import { parseDigest, type Descriptor, type Digest } from '#oci';
import * as z from 'zod/mini';
import { answerError, type Subject } from './api-errors.ts';
import { distributionErrors } from './errors.ts';
import { fetchManifest, pullScope, type Place } from './manifests.ts';
import { referrersTag } from './referrers-tag.ts';
import type { ApiResponse, Session } from './session.ts';
import type { Cancellable } from './types.ts';

const PAGE = 1000;
const MAX_PAGES = 10_000;
/** Of all pages together. */
const MAX_LIST_BYTES = 64 * 1024 * 1024;

const tagList = z.object({ tags: z.nullish(z.array(z.string())) });

const referrerIndex = z.object({
  manifests: z.nullish(
    z.array(
      z.object({
        mediaType: z.string(),
        digest: z.string(),
        size: z.number(),
        artifactType: z.optional(z.string()),
        annotations: z.optional(z.record(z.string(), z.string())),
      }),
    ),
  ),
});

const nextPage = (response: ApiResponse): URL | undefined => {
  const { link } = response.headers;
  const match = /<([^>]*)>\s*;[^,]*rel="?next"?/i.exec(typeof link === 'string' ? link : '');
  if (match?.[1] === undefined || !URL.canParse(match[1], response.url.href)) return undefined;
  const url = new URL(match[1], response.url);
  return url.host === response.url.host ? url : undefined;
};

const parseJson = <T>(bytes: Buffer, schema: z.ZodMiniType<T>, host: string): T => {
  try {
    return schema.parse(JSON.parse(bytes.toString('utf8')));
  } catch (error) {
    throw distributionErrors.unreadableAnswer(
      { host, reason: 'it is not the JSON that the protocol wants' },
      error,
    );
  }
};

interface PagedList<T> extends Cancellable {
  readonly schema: z.ZodMiniType<T>;
  readonly subject: Subject;
  /** The right to pull from the place when absent. */
  readonly scope?: string | undefined;
}

const pages = async function* <T>(
  place: Place,
  first: string,
  options: PagedList<T>,
): AsyncGenerator<T, void, undefined> {
  let url: string | URL | undefined = first;
  let left = MAX_LIST_BYTES;
  for (let page = 0; page < MAX_PAGES && url !== undefined; page += 1) {
    const response: ApiResponse = await place.session.send({
      method: 'GET',
      url,
      repository: place.path,
      scopes: [options.scope ?? pullScope(place.path)],
      signal: options.signal,
    });
    if (response.status !== 200) throw await answerError(response, options.subject);
    url = nextPage(response);
    const bytes = await collect(response.body, left);
    left -= bytes.length;
    yield parseJson(bytes, options.schema, place.session.host);
  }
};

/** All tags of the repository. */
export const listTags = async (place: Place, { signal }: Cancellable = {}): Promise<readonly string[]> => {
  const { host } = place.session;
  const subject: Subject = { host, name: place.name, kind: 'repository' };
  const tags: string[] = [];
  const first = `/v2/${place.path}/tags/list?n=${PAGE}`;
  for await (const page of pages(place, first, { schema: tagList, subject, signal }))
    for (const tag of page.tags ?? []) tags.push(tag);
  return tags;
};

const catalogPage = z.object({ repositories: z.nullish(z.array(z.string())) });

/** Names of all repositories that the registry shows to this caller. */
export async function* listRepositories(
  session: Session,
  { signal }: Cancellable = {},
): AsyncGenerator<string> {
  const { host } = session;
  const subject: Subject = { host, name: host, kind: 'repository' };
  const place: Place = { session, path: '', name: host };
  const options = { schema: catalogPage, subject, signal, scope: 'registry:catalog:*' };
  for await (const page of pages(place, `/v2/_catalog?n=${PAGE}`, options)) yield* page.repositories ?? [];
}

const descriptorsIn = (index: z.infer<typeof referrerIndex>): readonly Descriptor[] =>
  (index.manifests ?? []).map((entry) => ({ ...entry, digest: parseDigest(entry.digest) }));

/** Registries without the referrers API keep the list under a tag (distribution-spec, "Referrers Tag Schema"). */
const byTagSchema = async (
  place: Place,
  digest: Digest,
  options: Cancellable,
): Promise<readonly Descriptor[]> => {
  try {
    const { bytes } = await fetchManifest(place, referrersTag(digest), options);
    return descriptorsIn(parseJson(Buffer.from(bytes), referrerIndex, place.session.host));
  } catch (error) {
    if (distributionErrors.manifestNotFound.is(error) || distributionErrors.repositoryNotFound.is(error))
      return [];
    throw error;
  }
};

/** What refers to the digest, by the referrers API or the tag schema. */
export const listReferrers = async (
  place: Place,
  digest: Digest,
  options: Cancellable & { readonly artifactType?: string | undefined } = {},
): Promise<readonly Descriptor[]> => {
  const { host } = place.session;
  const { artifactType, signal } = options;
  const query = artifactType === undefined ? '' : `?artifactType=${encodeURIComponent(artifactType)}`;
  const subject: Subject = { host, name: place.name, kind: 'manifest' };
  const found: Descriptor[] = [];
  try {
    const first = `/v2/${place.path}/referrers/${digest}${query}`;
    for await (const page of pages(place, first, { schema: referrerIndex, subject, signal }))
      for (const descriptor of descriptorsIn(page)) found.push(descriptor);
  } catch (error) {
    if (!distributionErrors.manifestNotFound.is(error) && !distributionErrors.repositoryNotFound.is(error))
      throw error;
    found.push(...(await byTagSchema(place, digest, { signal })));
  }
  return artifactType === undefined ? found : found.filter((entry) => entry.artifactType === artifactType);
};
