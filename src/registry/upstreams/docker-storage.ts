import { opendir, readFile, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { digestOf, hexOf, algorithmOf, isDigest, parseDigest, type Digest, type DigestAlgorithm } from '#oci';
import { errnoOf } from '#sys';

const LINK_BYTES = 200;
const ALGORITHMS: readonly DigestAlgorithm[] = ['sha256', 'sha512'];

/** The folder of a docker-registry (distribution's filesystem driver), as it lies there. */
export interface DockerStorage {
  repositories(): AsyncGenerator<string>;
  /** Manifests of the repository, tagged or not. */
  revisions(repository: string): Promise<readonly Digest[]>;
  tags(repository: string): Promise<readonly string[]>;
  /** What a tag points to. */
  tagged(repository: string, tag: string): Promise<Digest | undefined>;
  /** Blobs that the repository may use. */
  layers(repository: string): Promise<readonly Digest[]>;
  /** Path of the bytes. */
  data(digest: Digest): string;
}

const namesIn = async (path: string): Promise<readonly string[]> => {
  try {
    return (await readdir(path)).toSorted();
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(errnoOf(error) ?? '')) return [];
    throw error;
  }
};

const digestIn = async (path: string): Promise<Digest | undefined> => {
  try {
    const text = (await readFile(path)).subarray(0, LINK_BYTES).toString('utf8').trim();
    return isDigest(text) ? parseDigest(text) : undefined;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
};

/** Digests of the links in `folder/ALGORITHM/HEX/link`; one that was deleted has no such file any more. */
const linksIn = async (folder: string): Promise<readonly Digest[]> => {
  const found: Digest[] = [];
  for (const algorithm of ALGORITHMS)
    for (const hex of await namesIn(join(folder, algorithm))) {
      const digest = await digestIn(join(folder, algorithm, hex, 'link'));
      if (digest === digestOf(algorithm, hex)) found.push(digest);
    }
  return found;
};

async function* repositoriesIn(folder: string, name: string): AsyncGenerator<string> {
  const below: string[] = [];
  let isRepository = false;
  for await (const entry of await opendir(folder)) {
    if (!entry.isDirectory()) continue;
    if (entry.name === '_manifests') isRepository = true;
    else if (!entry.name.startsWith('_')) below.push(entry.name);
  }
  if (isRepository && name !== '') yield name;
  for (const child of below.toSorted())
    yield* repositoriesIn(join(folder, child), name === '' ? child : `${name}/${child}`);
}

/** Opens `path`, its `docker`, or its `docker/registry/v2`; undefined when it is nothing of the kind. */
export const openDockerStorage = async (path: string): Promise<DockerStorage | undefined> => {
  const candidates = ['docker/registry/v2', 'registry/v2', 'v2', ''].map((below) => join(path, below));
  const isStorage = async (folder: string): Promise<boolean> => {
    const [blobs, repositories] = await Promise.all(
      ['blobs', 'repositories'].map((name) => stat(join(folder, name)).catch(() => undefined)),
    );
    return blobs?.isDirectory() === true && repositories?.isDirectory() === true;
  };
  for (const root of candidates) {
    if (!(await isStorage(root))) continue;
    const of = (repository: string, ...more: readonly string[]): string =>
      join(root, 'repositories', repository, ...more);
    return {
      repositories: () => repositoriesIn(join(root, 'repositories'), ''),
      revisions: (repository) => linksIn(of(repository, '_manifests', 'revisions')),
      tags: (repository) => namesIn(of(repository, '_manifests', 'tags')),
      tagged: (repository, tag) => digestIn(of(repository, '_manifests', 'tags', tag, 'current', 'link')),
      layers: (repository) => linksIn(of(repository, '_layers')),
      data: (digest) =>
        join(root, 'blobs', algorithmOf(digest), hexOf(digest).slice(0, 2), hexOf(digest), 'data'),
    };
  }
  return undefined;
};
