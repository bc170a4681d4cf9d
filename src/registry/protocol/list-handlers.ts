import type { Referrer } from '#metadata';
import type { Digest } from '#oci';
import { answerJson } from './answers.ts';
import type { Call } from './call.ts';
import { protocolErrors } from './errors.ts';

const CATALOG_PAGE = 1000;
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
  readonly read: (page: { readonly limit: number; readonly after: string }) => readonly string[];
}

const readPage = (call: Call, { path, limit, read }: Paged) => {
  if (limit === 0) return { names: [], headers: {} };
  const found = read({ limit: limit + 1, after: call.query.get('last') ?? '' });
  const names = found.slice(0, limit);
  const last = names.at(-1);
  if (found.length <= limit || last === undefined) return { names, headers: {} };
  const query = new URLSearchParams({ n: String(limit), last });
  return { names, headers: { Link: `<${path}?${query.toString()}>; rel="next"` } };
};

/** Tags in ASCII order. */
export const listTags = (call: Call, repository: string): void => {
  const { contents } = call.services.storage.metadata;
  if (!contents.hasRepository(repository)) throw protocolErrors.nameUnknown({ name: repository });
  const { names, headers } = readPage(call, {
    path: `/v2/${repository}/tags/list`,
    limit: limitOf(call, Number.MAX_SAFE_INTEGER - 1),
    read: (page) => contents.tags(repository, page),
  });
  return answerJson(call, { name: repository, tags: names }, { headers });
};

/** Names of repositories that have a manifest. */
export const listRepositories = (call: Call): void => {
  const { names, headers } = readPage(call, {
    path: '/v2/_catalog',
    limit: limitOf(call, CATALOG_PAGE),
    read: (page) => call.services.storage.metadata.contents.repositories(page),
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
export const listReferrers = (call: Call, repository: string, digest: Digest): void => {
  const artifactType = call.query.get('artifactType') ?? '';
  const after = call.query.get('last') ?? '';
  const { contents } = call.services.storage.metadata;
  const found = contents.referrers(repository, digest, { limit: REFERRERS_PAGE + 1, after });
  const page = fitting(found.slice(0, REFERRERS_PAGE));
  const last = page.at(-1);
  const query = new URLSearchParams({
    ...(artifactType === '' ? {} : { artifactType }),
    last: last?.digest ?? '',
  });
  const headers = {
    'Content-Type': 'application/vnd.oci.image.index.v1+json',
    ...(artifactType === '' ? {} : { 'OCI-Filters-Applied': 'artifactType' }),
    ...(page.length < found.length
      ? { Link: `</v2/${repository}/referrers/${digest}?${query.toString()}>; rel="next"` }
      : {}),
  };
  const manifests = artifactType === '' ? page : page.filter((entry) => entry.artifactType === artifactType);
  const index = { schemaVersion: 2, mediaType: headers['Content-Type'], manifests };
  return answerJson(call, index, { headers });
};
