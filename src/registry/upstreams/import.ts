import { hash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import { isTag, requireName } from '#metadata';
import { algorithmOf, digestOf, hexOf, isDigest, parseDigest, parseReference, type Digest } from '#oci';
import type { RegistryStorage } from '#protocol';
import { errnoOf } from '#sys';
import * as z from 'zod';
import { createCopier, inParallel, type ContentSource, type Copier } from './copier.ts';
import { openDockerStorage, type DockerStorage } from './docker-storage.ts';
import { upstreamErrors } from './errors.ts';
import type { ImportRequest, TransferOptions, TransferTotals } from './transfer-types.ts';

const MANIFEST_BYTES = 16 * 1024 * 1024;

interface Importing {
  readonly storage: RegistryStorage;
  readonly request: ImportRequest;
  readonly copier: Copier;
  readonly signal: AbortSignal;
}

const orAbsent = async <T>(found: Promise<T>): Promise<T | undefined> => {
  try {
    return await found;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
};

/** Content that lies in files, each verified when it is taken. */
const fileSource = (
  { storage, request, signal, copier }: Importing,
  path: (digest: Digest) => string,
): ContentSource => ({
  manifest: async (digest) => {
    const size = (await orAbsent(stat(path(digest))))?.size;
    if (size === undefined || size > MANIFEST_BYTES) return undefined;
    const bytes = await readFile(path(digest));
    const algorithm = algorithmOf(digest);
    if (digestOf(algorithm, hash(algorithm, bytes, 'hex')) === digest) return { bytes, mediaType: '' };
    copier.tell({ kind: 'warning', message: `${path(digest)} is damaged: it does not have its digest` });
    return undefined;
  },
  bring: async (digest) => {
    const { files } = storage.blobs;
    if (files === undefined) throw upstreamErrors.filesUnsupported({});
    const size = (await orAbsent(stat(path(digest))))?.size;
    if (size === undefined) return undefined;
    return async () => {
      await files.take(path(digest), digest, { link: request.link !== false, signal });
      return size;
    };
  },
});

const importDockerRepository = async (
  importing: Importing,
  docker: DockerStorage,
  name: string,
): Promise<void> => {
  const { copier, request } = importing;
  const local = requireName(request.to === undefined ? name : `${request.to}/${name}`);
  copier.tell({ kind: 'repository', repository: local });
  const source = fileSource(importing, (digest) => docker.data(digest));
  const copied = new Set<Digest>();
  const copyManifest = (digest: Digest): Promise<void> =>
    copier.attempt(local, async () => {
      if (await copier.copy(local, digest, source)) copied.add(digest);
      else copier.tell({ kind: 'failure', repository: local, message: `manifest ${digest} is not complete` });
    });
  await inParallel(await docker.revisions(name), copyManifest);
  for (const tag of await docker.tags(name)) {
    const digest = await docker.tagged(name, tag);
    if (digest === undefined || !isTag(tag)) continue;
    if (copied.has(digest)) await copier.tag(local, { tag, digest }, request.overwrite === true);
    else copier.tell({ kind: 'failure', repository: local, message: `tag ${tag} names no manifest` });
  }
};

const importDocker = async (importing: Importing, docker: DockerStorage): Promise<void> => {
  for await (const name of docker.repositories()) {
    importing.signal.throwIfAborted();
    await importing.copier.attempt(name, () => importDockerRepository(importing, docker, name));
  }
};

const layoutIndex = z.looseObject({
  manifests: z.array(
    z.looseObject({
      digest: z.string().refine(isDigest).transform(parseDigest),
      annotations: z.record(z.string(), z.string()).optional(),
    }),
  ),
});

/** A tag, or the tag of a whole reference, as tools write them. */
const tagIn = (name: string): string | undefined => {
  if (isTag(name)) return name;
  try {
    return parseReference(name).tag;
  } catch {
    return undefined;
  }
};

const layoutTag = (annotations: Readonly<Record<string, string>> = {}): string | undefined => {
  const name = annotations['org.opencontainers.image.ref.name'] ?? annotations['io.containerd.image.name'];
  return name === undefined ? undefined : tagIn(name);
};

const importLayout = async (importing: Importing, index: z.infer<typeof layoutIndex>): Promise<void> => {
  const { copier, request } = importing;
  const { path, to } = request;
  if (to === undefined) throw upstreamErrors.layoutNameMissing({ path });
  const local = requireName(to);
  copier.tell({ kind: 'repository', repository: local });
  const source = fileSource(importing, (digest) => join(path, 'blobs', algorithmOf(digest), hexOf(digest)));
  for (const { digest, annotations } of index.manifests)
    await copier.attempt(local, async () => {
      if (!(await copier.copy(local, digest, source))) {
        copier.tell({ kind: 'failure', repository: local, message: `manifest ${digest} is not complete` });
        return;
      }
      const tag = layoutTag(annotations);
      if (tag !== undefined) await copier.tag(local, { tag, digest }, request.overwrite === true);
    });
};

const readLayout = async (path: string): Promise<z.infer<typeof layoutIndex> | undefined> => {
  const bytes = await orAbsent(readFile(join(path, 'index.json')));
  if (bytes === undefined || (await orAbsent(stat(join(path, 'oci-layout')))) === undefined) return undefined;
  const parsed = layoutIndex.safeParse(JSON.parse(bytes.toString('utf8')));
  if (parsed.success) return parsed.data;
  throw upstreamErrors.folderUnknown({ path });
};

/**
 * Takes over what lies in a folder: the storage of a docker-registry, or an OCI layout. Nothing there is changed; every
 * file is verified. What is here already is skipped, so that one after a crash goes on.
 *
 * @throws UPSTREAMS_FOLDER_UNKNOWN, UPSTREAMS_LAYOUT_NAME_MISSING, UPSTREAMS_PATH_NOT_ABSOLUTE
 */
export const importFolder = async (
  storage: RegistryStorage,
  request: ImportRequest,
  options: TransferOptions,
): Promise<TransferTotals> => {
  const { path } = request;
  if (!isAbsolute(path)) throw upstreamErrors.pathNotAbsolute({ path });
  const copier = createCopier(storage, options);
  const importing: Importing = { storage, request, copier, signal: options.signal };
  const docker = await openDockerStorage(path);
  const layout = docker === undefined ? await readLayout(path) : undefined;
  if (docker !== undefined) await importDocker(importing, docker);
  else if (layout !== undefined) await importLayout(importing, layout);
  else throw upstreamErrors.folderUnknown({ path });
  copier.tell({ kind: 'done', totals: copier.totals });
  return copier.totals;
};
