import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { hexOf, type DiffId, type Digest, type ImageId } from '#oci';
import { allocatedBytes, type Keeping } from '#store';
import type { ImageSpace, SpaceAccount, SpaceKind, SystemParts } from './types.ts';

type Parts = Pick<SystemParts, 'store' | 'layers' | 'library' | 'root'>;

const BLOCK = 512;

/** Which line everything in a directory of the root belongs to; `blobs` and `layers` are looked into. */
const DIRECTORIES: Readonly<Record<string, SpaceKind>> = {
  ingest: 'partial',
  snapshots: 'containers',
  containers: 'containers',
  runtime: 'containers',
  volumes: 'volumes',
  'build-cache': 'build-cache',
  'build-logs': 'build-cache',
  builds: 'build-cache',
  trash: 'removed',
  quarantine: 'quarantine',
  mounts: 'database',
  network: 'database',
  netns: 'database',
  blobs: 'database',
  layers: 'database',
};

const FILES = /^(?:version|lock|engine-id|lade\.db(?:-.*)?|version\.new)$/;

/** Whether Lade puts something of this name into its root. */
export const isKnownName = (name: string): boolean => Object.hasOwn(DIRECTORIES, name) || FILES.test(name);

/** Adds up bytes by line. */
class Tally {
  readonly lines = new Map<SpaceKind, number>();
  readonly seen = new Set<number>();

  add(kind: SpaceKind, bytes: number): void {
    this.lines.set(kind, (this.lines.get(kind) ?? 0) + bytes);
  }
}

const keptFor = (keeping: Keeping | undefined, named: SpaceKind): SpaceKind => {
  if (keeping === undefined) return 'orphaned';
  if (keeping.images.length > 0 || keeping.holders.some((holder) => holder.startsWith('index ')))
    return named;
  const others = keeping.holders.filter((holder) => !['undo', 'lease', 'resumable'].includes(holder));
  if (others.length > 0) return 'build-cache';
  return keeping.holders.some((holder) => holder !== 'undo') ? 'partial' : 'undo';
};

const ownBytes = async (path: string): Promise<number> => {
  const stats = await lstat(path).catch(() => undefined);
  return (stats?.blocks ?? 0) * BLOCK;
};

const namesIn = (path: string): Promise<readonly string[]> => readdir(path).catch(() => []);

interface Owned<T> {
  readonly directory: string;
  readonly keyOf: (name: string) => T | undefined;
  readonly kindOf: (key: T) => SpaceKind;
}

/** Goes through a directory of content, and returns the bytes of each piece. */
const visitOwned = async <T>(tally: Tally, owned: Owned<T>): Promise<ReadonlyMap<T, number>> => {
  const sizes = new Map<T, number>();
  tally.add('database', await ownBytes(owned.directory));
  for (const name of await namesIn(owned.directory)) {
    const bytes = await allocatedBytes(join(owned.directory, name), tally.seen);
    const key = owned.keyOf(name);
    if (key === undefined) tally.add(name.startsWith('.tmp-') ? 'partial' : 'orphaned', bytes);
    else {
      tally.add(owned.kindOf(key), bytes);
      sizes.set(key, bytes);
    }
  }
  return sizes;
};

interface Content {
  readonly blobs: ReadonlyMap<Digest, number>;
  readonly layers: ReadonlyMap<DiffId, number>;
}

const visitContent = async ({ store, layers, root }: Parts, tally: Tally): Promise<Content> => {
  const owners = store.space.ownership();
  const inUse = new Set(layers.snapshots().flatMap((snapshot) => snapshot.layers));
  const blobs = new Map<Digest, number>();
  tally.add('database', await ownBytes(join(root, 'blobs')));
  const known = Map.groupBy(store.blobs.list(), ({ digest }) => digest.slice(0, digest.indexOf(':')));
  for (const algorithm of await namesIn(join(root, 'blobs'))) {
    const byHex = new Map((known.get(algorithm) ?? []).map(({ digest }) => [hexOf(digest), digest]));
    const found = await visitOwned(tally, {
      directory: join(root, 'blobs', algorithm),
      keyOf: (name) => byHex.get(name),
      kindOf: (digest) => keptFor(owners.blobs.get(digest), 'transferred'),
    });
    for (const [digest, bytes] of found) blobs.set(digest, bytes);
  }
  const byHex = new Map(layers.list().map(({ diffId }) => [hexOf(diffId), diffId]));
  const kindOf = (diffId: DiffId): SpaceKind => {
    const kind = keptFor(owners.layers.get(diffId), 'images');
    return kind === 'orphaned' && inUse.has(diffId) ? 'containers' : kind;
  };
  const directory = join(root, 'layers');
  return { blobs, layers: await visitOwned(tally, { directory, keyOf: (name) => byHex.get(name), kindOf }) };
};

const imagesOf = ({ store, library }: Parts, content: Content): readonly ImageSpace[] => {
  const owners = store.space.ownership();
  const sum = <T>(keys: readonly T[], sizes: ReadonlyMap<T, number>): number =>
    keys.reduce((total, key) => total + (sizes.get(key) ?? 0), 0);
  return library.usage().images.map(({ id, tags, created, holders }): ImageSpace => {
    const { blobs, layers } = store.images.content(id);
    const alone = (keeping: Keeping | undefined): boolean => keeping?.images.length === 1;
    const unique =
      sum(
        layers.filter((diffId) => alone(owners.layers.get(diffId))),
        content.layers,
      ) +
      sum(
        blobs.filter((digest) => alone(owners.blobs.get(digest))),
        content.blobs,
      );
    const transferred = sum(blobs, content.blobs);
    const total = sum(layers, content.layers) + transferred;
    return {
      id: id satisfies ImageId,
      tags,
      created,
      total,
      transferred,
      unique,
      shared: total - unique,
      containers: holders.length,
    };
  });
};

/** Everything in a directory counts for `kind`; the directory itself is there without it too. */
const visitAll = async (tally: Tally, path: string, kind: SpaceKind): Promise<void> => {
  const names = kind === 'orphaned' ? [] : await namesIn(path);
  if (names.length === 0 && kind !== 'orphaned') {
    tally.add('database', await allocatedBytes(path, tally.seen));
    return;
  }
  const own = await ownBytes(path);
  const all = await allocatedBytes(path, tally.seen);
  tally.add(kind === 'orphaned' ? kind : 'database', own);
  tally.add(kind, all - own);
};

/** What snapshots of builds take belongs to the build. */
const visitSnapshots = async ({ layers, root }: Parts, tally: Tally): Promise<void> => {
  const directory = join(root, 'snapshots');
  tally.add('database', await ownBytes(directory));
  for (const name of await namesIn(directory)) {
    const kind = layers.snapshot(name)?.kind;
    const line = kind === undefined ? 'orphaned' : kind === 'build' ? 'build-cache' : 'containers';
    tally.add(line, await allocatedBytes(join(directory, name), tally.seen));
  }
};

/**
 * What each byte of the root is held by. The sum is what `du -sx --block-size=1` says of it: allocated bytes of files and
 * directories, each inode once, without other file systems that are mounted there. While the daemon works, files change
 * meanwhile; at rest both agree to the byte.
 */
export const accountSpace = async (parts: Parts): Promise<SpaceAccount> => {
  const { root } = parts;
  const tally = new Tally();
  tally.add('database', await ownBytes(root));
  const content = await visitContent(parts, tally);
  await visitSnapshots(parts, tally);
  for (const name of await namesIn(root)) {
    if (['blobs', 'layers', 'snapshots'].includes(name)) continue;
    const kind = DIRECTORIES[name] ?? (FILES.test(name) ? 'database' : 'orphaned');
    await visitAll(tally, join(root, name), kind);
  }
  const lines = [...tally.lines].map(([kind, bytes]) => ({ kind, bytes }));
  return {
    total: lines.reduce((sum, { bytes }) => sum + bytes, 0),
    lines: lines.toSorted((a, b) => b.bytes - a.bytes),
    images: imagesOf(parts, content).toSorted((a, b) => b.unique - a.unique),
  };
};
