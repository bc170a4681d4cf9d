import { collect, createHttpClient, type HttpClient, type HttpResponse } from '#http';
import { toLadeError } from '#errors';
import { asDiffId, canonicalString, isDigest, parseReference, type DiffId } from '#oci';
import { adoptionErrors } from './errors.ts';
import { layerOfFolder } from './layer-ids.ts';
import type { ArchiveOptions, DockerArchive, DockerImage, DockerSource } from './types.ts';

const MAX_ANSWER = 64 * 1024 * 1024;
const MAX_ERROR = 64 * 1024;

interface Daemon {
  readonly host: string;
  readonly client: HttpClient;
}

const clientFor = (host: string): HttpClient => {
  if (host.startsWith('unix://')) return createHttpClient({ socketPath: host.slice('unix://'.length) });
  if (/^tcp:\/\/[^/]+\/?$/.test(host))
    return createHttpClient({ baseUrl: host.replace('tcp:', 'http:'), proxy: 'none' });
  throw adoptionErrors.hostUnsupported({ host });
};

const ask = async (daemon: Daemon, path: string, signal: AbortSignal | undefined): Promise<HttpResponse> => {
  const response = await daemon.client.request({ url: path, signal }).catch((error: unknown) => {
    if (signal?.aborted === true) throw error;
    throw adoptionErrors.daemonUnreachable({ host: daemon.host, reason: toLadeError(error).message }, error);
  });
  if (response.status === 200) return response;
  const body = (await collect(response.body, MAX_ERROR)).toString();
  const { message = body } = parseLeniently(body);
  throw adoptionErrors.daemonRefused({ path, status: response.status, message });
};

const parseLeniently = (text: string): { readonly message?: string } => {
  try {
    return JSON.parse(text) as { readonly message?: string };
  } catch {
    return {};
  }
};

const askJson = async (daemon: Daemon, path: string, signal: AbortSignal | undefined): Promise<unknown> => {
  const { status, body } = await ask(daemon, path, signal);
  const text = (await collect(body, MAX_ANSWER)).toString();
  try {
    return JSON.parse(text);
  } catch (error) {
    throw adoptionErrors.daemonRefused({ path, status, message: 'the answer is no JSON' }, error);
  }
};

interface Summary {
  readonly Id?: string;
  readonly RepoTags?: readonly string[] | null;
  readonly RepoDigests?: readonly string[] | null;
}

const known = (names: readonly string[] | null | undefined): readonly string[] =>
  (names ?? []).filter((name) => !name.includes('<none>'));

const toImage = ({ Id = '', RepoTags, RepoDigests }: Summary): readonly DockerImage[] => {
  if (!isDigest(Id)) return [];
  const tags = known(RepoTags).map((name) => canonicalString(parseReference(name)));
  const repoDigests = known(RepoDigests).map((name) =>
    canonicalString({ ...parseReference(name), tag: undefined }),
  );
  return [{ id: Id, tags, repoDigests }];
};

const list = async (daemon: Daemon, signal: AbortSignal | undefined): Promise<readonly DockerImage[]> =>
  ((await askJson(daemon, '/images/json', signal)) as readonly Summary[]).flatMap(toImage);

const diffIdsOf = async (
  daemon: Daemon,
  image: DockerImage,
  signal: AbortSignal | undefined,
): Promise<readonly DiffId[]> => {
  const answer = await askJson(daemon, `/images/${image.id}/json`, signal);
  const { RootFS } = answer as { readonly RootFS?: { readonly Layers?: readonly string[] | null } };
  return (RootFS?.Layers ?? []).filter(isDigest).map(asDiffId);
};

const FOLDER = /^([0-9a-f]{64})\/layer\.tar$/;

const archive = async (
  daemon: Daemon,
  image: DockerImage,
  { signal }: ArchiveOptions,
): Promise<DockerArchive> => {
  const diffIds = await diffIdsOf(daemon, image, signal);
  const { body } = await ask(daemon, `/images/get?names=${encodeURIComponent(image.id)}`, signal);
  return {
    stream: body,
    knownLayer(path, document) {
      const id = FOLDER.exec(path)?.[1];
      const json = id === undefined ? undefined : document(`${id}/json`);
      return id === undefined || json === undefined ? undefined : layerOfFolder(id, json, diffIds);
    },
  };
};

/** A running dockerd at `unix:///…` or `tcp://…`. */
export const openDockerApi = (host: string): DockerSource => {
  const daemon = { host, client: clientFor(host) };
  return {
    list: (signal) => list(daemon, signal),
    archive: (image, options) => archive(daemon, image, options),
    [Symbol.asyncDispose]: () => daemon.client[Symbol.asyncDispose](),
  };
};
