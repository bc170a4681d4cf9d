import { posix } from 'node:path';
import { isLadeError } from '#errors';
import type { DockerClient } from '#client';
import { containerPath } from './paths.ts';

export interface ContainerPlace {
  readonly container: string;
  readonly path: string;
}

/** What stands at a path inside a container (header X-Docker-Container-Path-Stat). */
export interface ContainerStat {
  readonly name: string;
  readonly size: number;
  /** Go's os.FileMode. */
  readonly mode: number;
  readonly linkTarget: string;
}

const MODE_DIRECTORY = 2 ** 31;
const MODE_SYMLINK = 2 ** 27;

const has = (mode: number, bit: number): boolean => Math.floor(mode / bit) % 2 === 1;

export const isDirectory = (stat: ContainerStat): boolean => has(stat.mode, MODE_DIRECTORY);
const isSymlink = (stat: ContainerStat): boolean => has(stat.mode, MODE_SYMLINK);

const archivePath = (place: ContainerPlace): string => containerPath(place.container, '/archive');

/** A path as it is inside: absolute, with a trailing `/` or `/.` kept, because they mean something. */
export const insidePath = (path: string): string => {
  const cleaned = posix.resolve('/', path);
  if (path.endsWith('/.') || path === '.') return cleaned === '/' ? '/.' : `${cleaned}/.`;
  return path.endsWith('/') && cleaned !== '/' ? `${cleaned}/` : cleaned;
};

const decodeStat = (header: string | undefined): ContainerStat | undefined =>
  header === undefined ? undefined : (JSON.parse(Buffer.from(header, 'base64').toString()) as ContainerStat);

/** What is there, or undefined for nothing. */
export const statInside = async (
  client: DockerClient,
  place: ContainerPlace,
): Promise<ContainerStat | undefined> => {
  try {
    const query = { path: insidePath(place.path) };
    const answer = await client.stream({ method: 'HEAD', path: archivePath(place), query });
    answer.body.resume();
    return decodeStat(answer.headers['x-docker-container-path-stat']);
  } catch (error) {
    if (isLadeError(error, 'not-found') && (await exists(client, place.container))) return undefined;
    throw error;
  }
};

const exists = async (client: DockerClient, container: string): Promise<boolean> => {
  await client.json({ method: 'GET', path: containerPath(container, '/json') });
  return true;
};

/** The place that a symbolic link at `place` leads to, or `place` itself. */
export const followLink = async (client: DockerClient, place: ContainerPlace): Promise<ContainerPlace> => {
  const stat = await statInside(client, place);
  if (stat === undefined || !isSymlink(stat)) return place;
  const folder = posix.dirname(posix.resolve('/', place.path));
  return { ...place, path: posix.resolve(folder, stat.linkTarget) };
};

/** The tar stream of a path; its first entry is named like the path's last part. */
export const readInside = async (client: DockerClient, place: ContainerPlace, signal: AbortSignal) =>
  await client.stream({
    method: 'GET',
    path: archivePath(place),
    query: { path: insidePath(place.path) },
    signal,
  });
