import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { hexOf } from '#oci';
import { isKnownName } from './account.ts';
import type { Fault, SystemParts } from './types.ts';

type Parts = Pick<SystemParts, 'store' | 'layers' | 'root'>;

const namesIn = (path: string): Promise<readonly string[]> => readdir(path).catch(() => []);

const unknownIn = async (directory: string, known: ReadonlySet<string>): Promise<readonly string[]> =>
  (await namesIn(directory))
    .filter((name) => !known.has(name) && !name.startsWith('.tmp-'))
    .map((name) => join(directory, name));

/** The tar of a layer and its mountable forms, one for each stack where it depends on what is below. */
const OF_LAYER = /^(?:layer\.tar|index(?:-[0-9a-f]{64})?\.erofs|diff(?:-[0-9a-f]{64})?)$/;

const unknownInLayers = async ({ layers, root }: Parts): Promise<readonly string[]> => {
  const unknown: string[] = [];
  for (const { diffId } of layers.list()) {
    const directory = join(root, 'layers', hexOf(diffId));
    for (const name of await namesIn(directory))
      if (!OF_LAYER.test(name) && !name.startsWith('.tmp-')) unknown.push(join(directory, name));
  }
  return unknown;
};

const ALGORITHMS: ReadonlySet<string> = new Set(['sha256', 'sha512']);

const unknownInRoot = async ({ layers, root }: Parts): Promise<readonly string[]> => [
  ...(await unknownIn(join(root, 'layers'), new Set(layers.list().map(({ diffId }) => hexOf(diffId))))),
  ...(await unknownIn(join(root, 'snapshots'), new Set(layers.snapshots().map(({ id }) => id)))),
  ...(await namesIn(root)).filter((name) => !isKnownName(name)).map((name) => join(root, name)),
];

/** Files of the root that nothing knows, apart from what is being written. */
const lookOnce = async (parts: Parts): Promise<readonly string[]> => [
  ...(await parts.store.space.strays()),
  ...(await unknownIn(join(parts.root, 'blobs'), ALGORITHMS)),
  ...(await unknownInLayers(parts)),
  ...(await unknownInRoot(parts)),
];

/** Files that nothing knows, at two looks: what is just being recorded is known by the second. */
export const findLeftovers = async (parts: Parts): Promise<readonly Fault[]> => {
  const first = await lookOnce(parts);
  if (first.length === 0) return [];
  await new Promise((resolve) => void setTimeout(resolve, 300));
  const second = new Set(await lookOnce(parts));
  return first
    .filter((path) => second.has(path))
    .map((path) => ({ kind: 'file', digest: undefined, state: 'leftover', detail: path }));
};
