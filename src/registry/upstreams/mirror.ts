import {
  createRegistryClient,
  distributionErrors,
  type RegistryClient,
  type RemoteRepository,
} from '#distribution';
import { isLadeError } from '#errors';
import { createOutboundGuard, releaseChunk } from '#http';
import { compilePattern, requireName } from '#metadata';
import { algorithmOf, type Digest } from '#oci';
import type { RegistryStorage } from '#protocol';
import { createCopier, inParallel, type ContentSource, type Copier } from './copier.ts';
import { upstreamErrors } from './errors.ts';
import { isHub } from './names.ts';
import { attachedTo, createTagFilter } from './tag-filter.ts';
import type { MirrorRequest, TransferOptions, TransferTotals } from './transfer-types.ts';

interface SourceName {
  readonly domain: string;
  readonly scheme: 'http' | 'https' | undefined;
  readonly repository: string | undefined;
}

const schemeOf = (source: string): SourceName['scheme'] => {
  if (!source.includes('://')) return undefined;
  return source.startsWith('http:') ? 'http' : 'https';
};

const parseSource = (source: string): SourceName => {
  const text = source.includes('://') ? source : `https://${source}`;
  const invalid = (reason: string): Error => upstreamErrors.sourceInvalid({ source, reason });
  if (!URL.canParse(text)) throw invalid('it is no name of a registry');
  const { protocol, host, pathname, username, search } = new URL(text);
  if (!/^https?:$/.test(protocol) || username !== '' || search !== '')
    throw invalid('it is no plain name of a registry');
  const path = pathname.replace(/^\/+|\/+$/g, '');
  const scheme = schemeOf(source);
  const domain = isHub(host) ? 'docker.io' : scheme === undefined ? host : `${scheme}://${host}`;
  return { domain, scheme, repository: path === '' ? undefined : requireName(path) };
};

const clientFor = (request: MirrorRequest, { domain, scheme }: SourceName): RegistryClient => {
  const { username, password, allow } = request;
  // A loopback host without a scheme may speak either.
  const insecure = request.insecure === true ? true : scheme === undefined ? undefined : false;
  return createRegistryClient({
    credentials: async (host) =>
      host !== domain || username === undefined || password === undefined
        ? undefined
        : { kind: 'basic', username, password },
    hosts: () => ({ plainHttp: scheme === 'http', insecure }),
    guard: createOutboundGuard({ allow }),
    retry: { idleMs: 60_000 },
  });
};

const orMissing = async <T>(found: Promise<T>): Promise<T | undefined> => {
  try {
    return await found;
  } catch (error) {
    if (isLadeError(error, 'not-found')) return undefined;
    throw error;
  }
};

/** Takes the bytes of a blob into a session; what is answered makes a blob of it. */
const received = async (
  { blobs }: RegistryStorage,
  repository: string,
  { digest, chunks }: { readonly digest: Digest; readonly chunks: AsyncIterable<Uint8Array> },
): Promise<() => Promise<number>> => {
  const { id } = await blobs.createUpload(repository, algorithmOf(digest));
  try {
    await blobs.appendUpload(id, chunks, { used: releaseChunk });
    return async () => (await blobs.commitUpload(id, digest)).size;
  } catch (error) {
    await blobs.removeUpload(id).catch(() => undefined);
    throw error;
  }
};

/** A repository of another registry as a source. */
const remoteSource = (
  storage: RegistryStorage,
  remote: RemoteRepository,
  { signal, referrers }: { readonly signal: AbortSignal; readonly referrers: boolean },
): ContentSource => ({
  manifest: async (digest) => {
    const found = await orMissing(remote.manifest(digest, { signal }));
    return found === undefined ? undefined : { bytes: found.bytes, mediaType: found.descriptor.mediaType };
  },
  bring: async (digest) => {
    const blob = await orMissing(remote.blob(digest, { signal }));
    if (blob === undefined) return undefined;
    try {
      return await received(storage, remote.reference.path, { digest, chunks: blob.chunks });
    } finally {
      blob.stream.destroy();
    }
  },
  ...(referrers
    ? {
        referrers: async (digest: Digest) =>
          (await remote.referrers(digest, { signal })).map((entry) => entry.digest),
      }
    : {}),
});

interface Mirroring {
  readonly storage: RegistryStorage;
  readonly request: MirrorRequest;
  readonly options: TransferOptions;
  readonly copier: Copier;
  readonly client: RegistryClient;
  readonly source: SourceName;
}

const mirrorTag = async (
  { copier, storage, options }: Mirroring,
  place: { readonly local: string; readonly remote: RemoteRepository; readonly source: ContentSource },
  tag: string,
): Promise<Digest | undefined> => {
  const { local, remote, source } = place;
  const { signal } = options;
  const head = await remote.head(tag, { signal });
  const found = head ?? (await orMissing(remote.manifest(tag, { signal })))?.descriptor;
  if (found === undefined) return undefined;
  const { digest } = found;
  if (await copier.copy(local, digest, source)) await copier.tag(local, { tag, digest }, true);
  else copier.tell({ kind: 'failure', repository: local, message: `${tag} is not complete at the source` });
  return storage.metadata.contents.tagged(local, tag);
};

const removeTags = async (
  { storage, options, copier }: Mirroring,
  local: string,
  isGone: (tag: string) => boolean,
): Promise<void> => {
  const { contents } = storage.metadata;
  const { cause } = options;
  for (const tag of contents.tags(local, { limit: 1_000_000, after: '' }).filter(isGone)) {
    const digest = contents.tagged(local, tag);
    if (digest === undefined || !(await contents.removeTag({ repository: local, target: tag, cause })))
      continue;
    copier.tell({ kind: 'tag', repository: local, tag, digest, state: 'removed' });
  }
};

const mirrorRepository = async (mirroring: Mirroring, name: string): Promise<void> => {
  const { request, copier, client, source, options, storage } = mirroring;
  const local = requireName(request.to === undefined ? name : `${request.to}/${name}`);
  copier.tell({ kind: 'repository', repository: local });
  const remote = client.repository({ domain: source.domain, path: name });
  const { signal } = options;
  const place = {
    local,
    remote,
    source: remoteSource(storage, remote, { signal, referrers: request.referrers !== false }),
  };
  const isWanted = createTagFilter(request.tags);
  const all = await remote.tags({ signal });
  const copied = new Set<string>();
  const copyTag = (tag: string): Promise<void> =>
    copier.attempt(local, async () => {
      const digest = await mirrorTag(mirroring, place, tag);
      if (digest !== undefined) copied.add(digest);
    });
  await inParallel(all.filter(isWanted), copyTag);
  const attached = request.referrers === false ? [] : all.filter((tag) => !isWanted(tag));
  for (const tag of attached) if (copied.has(attachedTo(tag) ?? '')) await copyTag(tag);
  if (request.remove !== true) return;
  const there = new Set(all);
  await removeTags(mirroring, local, (tag) => isWanted(tag) && !there.has(tag));
};

/** Docker Hub and others show nobody their catalog. */
const namesOf = async ({ client, source, request, options }: Mirroring): Promise<readonly string[]> => {
  if (source.repository !== undefined) return [source.repository];
  const patterns = request.repositories?.map((text) => compilePattern(text));
  const names: string[] = [];
  try {
    for await (const name of client.catalog(source.domain, { signal: options.signal })) names.push(name);
  } catch (error) {
    if (!isLadeError(error, 'not-found') && !distributionErrors.refused.is(error)) throw error;
    throw upstreamErrors.sourceInvalid(
      { source: request.source, reason: 'it lists no repositories; name one of them' },
      error,
    );
  }
  return patterns === undefined
    ? names
    : names.filter((name) => patterns.some((pattern) => pattern.matches(name)));
};

/**
 * Copies repositories of another registry with their tags, everything these name and what refers to it. What is here
 * already is skipped, so that a second run brings what is new, and one after a crash goes on.
 *
 * @throws UPSTREAMS_SOURCE_INVALID, errors of `distribution` when the source cannot be asked at all
 */
export const mirror = async (
  storage: RegistryStorage,
  request: MirrorRequest,
  options: TransferOptions,
): Promise<TransferTotals> => {
  const source = parseSource(request.source);
  await using client = clientFor(request, source);
  const copier = createCopier(storage, options);
  const mirroring: Mirroring = { storage, request, options, copier, client, source };
  for (const name of await namesOf(mirroring)) {
    options.signal.throwIfAborted();
    await copier.attempt(name, () => mirrorRepository(mirroring, name));
  }
  copier.tell({ kind: 'done', totals: copier.totals });
  return copier.totals;
};
