import { isVisible } from '#access';
import { setImmediate as breathe } from 'node:timers/promises';
import type { Page, Referrer } from '#metadata';
import type { Digest } from '#oci';
import { answerJson } from './answers.ts';
import type { Call } from './call.ts';
import { protocolErrors } from './errors.ts';

const CATALOG_PAGE = 1000;
const MAX_CATALOG_PAGE = 10_000;
/** Names that are read at once. */
const CATALOG_BATCH = 1000;
const REFERRERS_PAGE = 200;
/** Clients expect to read a manifest of at least this size, and no larger one. */
const REFERRERS_BYTES = 3 * 1024 * 1024;

const limitOf = (call: Call, standard: number): number => {
  const value = call.query.get('n');
  if (value === null) return standard;
  if (!/^\d{1,9}$/.test(value)) throw protocolErrors.pageInvalid({ value: value.slice(0, 50) });
  return Number(value);
};

interface Paged {
  readonly path: string;
  readonly limit: number;
  readonly read: (page: Page) => readonly string[] | Promise<readonly string[]>;
}

const readPage = async (call: Call, { path, limit, read }: Paged) => {
  if (limit === 0) return { names: [], headers: {} };
  const found = await read({ limit: limit + 1, after: call.query.get('last') ?? '' });
  const names = found.slice(0, limit);
  const last = names.at(-1);
  if (found.length <= limit || last === undefined) return { names, headers: {} };
  const query = new URLSearchParams({ n: String(limit), last });
  return { names, headers: { Link: `<${path}?${query.toString()}>; rel="next"` } };
};

const pageOf = (names: readonly string[], { limit, after }: Page): readonly string[] =>
  names.filter((name) => name > after).slice(0, limit);

/** Tags in ASCII order. */
export const listTags = async (call: Call, repository: string): Promise<void> => {
  const { storage, upstreams } = call.services;
  const { contents } = storage.metadata;
  const remote = upstreams?.covers(repository) === true ? await upstreams.tags(repository) : undefined;
  if ((remote ?? []).length === 0 && !contents.hasRepository(repository))
    throw protocolErrors.nameUnknown({ name: repository });
  const { names, headers } = await readPage(call, {
    path: `/v2/${repository}/tags/list`,
    limit: limitOf(call, Number.MAX_SAFE_INTEGER - 1),
    read: (page) => (remote === undefined ? contents.tags(repository, page) : pageOf(remote, page)),
  });
  return answerJson(call, { name: repository, tags: names }, { headers });
};

/** At most `limit` repositories that the caller may pull from, read batch by batch so that others get their turn. */
const visibleRepositories = async (call: Call, { limit, after }: Page): Promise<readonly string[]> => {
  const { contents } = call.services.storage.metadata;
  const found: string[] = [];
  for (let last = after; ;) {
    const batch = contents.repositories({ limit: Math.min(CATALOG_BATCH, limit + 1), after: last });
    found.push(...batch.filter((name) => isVisible(call.caller, name)));
    last = batch.at(-1) ?? '';
    if (found.length >= limit || batch.length < Math.min(CATALOG_BATCH, limit + 1)) break;
    await breathe();
  }
  return found.slice(0, limit);
};

/** Names of repositories that have a manifest and that the caller may pull from. */
export const listRepositories = async (call: Call): Promise<void> => {
  const limit = Math.min(limitOf(call, CATALOG_PAGE), MAX_CATALOG_PAGE);
  const { names, headers } = await readPage(call, {
    path: '/v2/_catalog',
    limit,
    read: (page) => visibleRepositories(call, page),
  });
  return answerJson(call, { repositories: names }, { headers });
};

/** As many entries as fit into one answer, at least one. */
const fitting = (entries: readonly Referrer[]): readonly Referrer[] => {
  let bytes = 0;
  const end = entries.findIndex((entry, index) => {
    bytes += 500 + JSON.stringify(entry.annotations ?? {}).length;
    return index > 0 && bytes > REFERRERS_BYTES;
  });
  return end === -1 ? entries : entries.slice(0, end);
};

/** An index of what has the digest as its subject; empty when nothing has. */
export const listReferrers = async (call: Call, repository: string, digest: Digest): Promise<void> => {
  const artifactType = call.query.get('artifactType') || undefined;
  const after = call.query.get('last') ?? '';
  const { storage, upstreams } = call.services;
  const limit = REFERRERS_PAGE + 1;
  const found =
    upstreams?.covers(repository) === true
      ? (await upstreams.referrers(repository, digest))
          .filter(
            (entry) => entry.digest > after && (artifactType ?? entry.artifactType) === entry.artifactType,
          )
          .slice(0, limit)
      : storage.metadata.contents.referrers(repository, digest, { limit, after, artifactType });
  const manifests = fitting(found.slice(0, REFERRERS_PAGE));
  const last = manifests.at(-1);
  const query = new URLSearchParams({
    ...(artifactType === undefined ? {} : { artifactType }),
    last: last?.digest ?? '',
  });
  const headers = {
    'Content-Type': 'application/vnd.oci.image.index.v1+json',
    ...(artifactType === undefined ? {} : { 'OCI-Filters-Applied': 'artifactType' }),
    ...(manifests.length < found.length
      ? { Link: `</v2/${repository}/referrers/${digest}?${query.toString()}>; rel="next"` }
      : {}),
  };
  const index = { schemaVersion: 2, mediaType: headers['Content-Type'], manifests };
  return answerJson(call, index, { headers });
};
