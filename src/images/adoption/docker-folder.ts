import { existsSync, readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import {
  canonicalString,
  chainIds,
  hexOf,
  isDigest,
  parseImageConfig,
  parseReference,
  type DiffId,
  type Digest,
} from '#oci';
import { writeTar, type TarSource } from '#tar';
import { adoptionErrors } from './errors.ts';
import { reassembleTar, tarSize } from './tar-split.ts';
import type { ArchiveOptions, DockerArchive, DockerImage, DockerSource } from './types.ts';

/** Names of a kind by image. */
interface Names {
  readonly tags: string[];
  readonly repoDigests: string[];
}

interface Folder {
  readonly root: string;
  /** image/overlay2 */
  readonly images: string;
}

const readJson = async (path: string): Promise<unknown> => {
  try {
    return JSON.parse(await readFile(path, 'utf8'));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw adoptionErrors.folderDamaged({ path, reason }, error);
  }
};

const entriesOf = (value: unknown): readonly (readonly [string, unknown])[] =>
  typeof value === 'object' && value !== null ? Object.entries(value) : [];

/** repositories.json: names to IDs, by repository. */
const namesIn = async ({ images }: Folder): Promise<ReadonlyMap<string, Names>> => {
  const path = join(images, 'repositories.json');
  const names = new Map<string, Names>();
  if (!existsSync(path)) return names;
  const [, repositories] = entriesOf(await readJson(path)).find(([key]) => key === 'Repositories') ?? [];
  for (const [name, id] of entriesOf(repositories).flatMap(([, references]) => entriesOf(references))) {
    if (typeof id !== 'string') continue;
    const known = names.get(id) ?? { tags: [], repoDigests: [] };
    const reference = parseReference(name);
    (reference.digest === undefined ? known.tags : known.repoDigests).push(
      canonicalString(reference.digest === undefined ? reference : { ...reference, tag: undefined }),
    );
    names.set(id, known);
  }
  return names;
};

const parentOf = async ({ images }: Folder, hex: string): Promise<string | undefined> => {
  const path = join(images, 'imagedb', 'metadata', 'sha256', hex, 'parent');
  return existsSync(path) ? (await readFile(path, 'utf8')).trim() : undefined;
};

/** Images that have a name, or that no other was built from: what `docker images` lists. */
const listImages = async (folder: Folder): Promise<readonly DockerImage[]> => {
  const names = await namesIn(folder);
  const ids = readdirSync(join(folder.images, 'imagedb', 'content', 'sha256'));
  const parents = new Set(await Promise.all(ids.map((hex) => parentOf(folder, hex))));
  return ids
    .map((hex) => `sha256:${hex}`)
    .filter(isDigest)
    .filter((id) => names.has(id) || !parents.has(id))
    .map((id) => ({ id, tags: [], repoDigests: [], ...names.get(id) }));
};

const hasLine = async (path: string): Promise<string> => {
  if (existsSync(path)) return (await readFile(path, 'utf8')).trim();
  throw adoptionErrors.folderDamaged({ path, reason: 'it is missing' });
};

/** Where the tar of a layer can be put together from. */
const layerPaths = async (folder: Folder, chainId: Digest, diffId: DiffId) => {
  const record = join(folder.images, 'layerdb', 'sha256', hexOf(chainId));
  const cacheId = await hasLine(join(record, 'cache-id'));
  const split = join(record, 'tar-split.json.gz');
  if (!/^[\w-]+$/.test(cacheId))
    throw adoptionErrors.folderDamaged({ path: record, reason: 'its cache-id is none' });
  if (!existsSync(split)) throw adoptionErrors.noTarSplit({ diffId });
  return { split, directory: join(folder.root, 'overlay2', cacheId, 'diff') };
};

const layerPath = (diffId: DiffId): string => `${hexOf(diffId)}/layer.tar`;

const json = (path: string, content: Uint8Array): TarSource => ({
  path,
  kind: 'file',
  size: content.length,
  content,
});

async function* archiveOf(
  folder: Folder,
  { id, config }: { readonly id: Digest; readonly config: Buffer },
  { has, signal }: ArchiveOptions,
): AsyncGenerator<TarSource, void, undefined> {
  const { diffIds } = parseImageConfig(config).rootfs;
  const name = `${hexOf(id)}.json`;
  yield json(name, config);
  const manifest = [{ Config: name, RepoTags: [], Layers: diffIds.map(layerPath) }];
  yield json('manifest.json', Buffer.from(JSON.stringify(manifest)));
  const given = new Set<DiffId>();
  for (const [index, chainId] of chainIds(diffIds).entries()) {
    signal?.throwIfAborted();
    const diffId = diffIds[index];
    if (diffId === undefined || given.has(diffId) || has(diffId)) continue;
    given.add(diffId);
    const { split, directory } = await layerPaths(folder, chainId, diffId);
    const content = reassembleTar(split, directory);
    yield { path: layerPath(diffId), kind: 'file', size: await tarSize(split), content };
  }
}

const archive = async (
  folder: Folder,
  { id }: DockerImage,
  options: ArchiveOptions,
): Promise<DockerArchive> => {
  const path = join(folder.images, 'imagedb', 'content', 'sha256', hexOf(id));
  const config = await readFile(path);
  const byPath = new Map(
    parseImageConfig(config).rootfs.diffIds.map((diffId) => [layerPath(diffId), diffId]),
  );
  const tar = writeTar(archiveOf(folder, { id, config }, options));
  return {
    stream: Readable.from(tar, { objectMode: false }),
    knownLayer: (at) => byPath.get(at),
  };
};

/** The data folder of a stopped dockerd with the overlay2 driver. `not-found` when it is something else. */
export const openDockerFolder = (root: string): DockerSource => {
  const folder = { root, images: join(root, 'image', 'overlay2') };
  if (!existsSync(root)) throw adoptionErrors.noImageFolder({ path: root, reason: 'it does not exist' });
  if (!existsSync(join(folder.images, 'imagedb', 'content', 'sha256'))) {
    const drivers = existsSync(join(root, 'image')) ? readdirSync(join(root, 'image')) : [];
    const reason = drivers.length === 0 ? 'it has no images' : `its driver is ${drivers.join(', ')}`;
    throw adoptionErrors.noImageFolder({ path: root, reason });
  }
  return {
    list: () => listImages(folder),
    archive: (image, options) => archive(folder, image, options),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
};
