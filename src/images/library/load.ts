import type { Readable } from 'node:stream';
import type { Emit } from '#events';
import {
  asDiffId,
  formatPlatform,
  matchPlatform,
  parsePlatform,
  type DiffId,
  type ImageId,
  type Platform,
} from '#oci';
import type { ImageRecord, Lease } from '#store';
import { promisedDigest, readArchive, type ArchiveEntries, type Foreknown } from './archive-entries.ts';
import {
  describedImages,
  type DescribedImages,
  type ListedImage,
  type SinceImage,
} from './archive-images.ts';
import { letGo } from './archive-input.ts';
import { layoutPath } from './archive-plan.ts';
import { announce, type Context } from './context.ts';
import { describedBy, storedLayers } from './create-image.ts';
import { libraryErrors } from './errors.ts';
import { choose, loadLayout, unwantedPaths } from './load-layout.ts';
import { placeLayers } from './load-layers.ts';
import { shownReference } from './lookup.ts';
import { protectingOnce } from './once-lease.ts';
import { layerProgress } from './progress.ts';
import type { ImageView, LibraryEvent, LoadOptions } from './types.ts';

/** One load on its way. */
export interface Load {
  readonly entries: ArchiveEntries;
  /** What the archive left out. */
  readonly since: readonly SinceImage[];
  /** Canonical `name@digest`s for what is loaded. */
  readonly repoDigests: readonly string[];
  readonly lease: Lease;
  readonly emit: Emit<LibraryEvent>;
  readonly signal?: AbortSignal | undefined;
}

const warnOfRenames = (context: Context, load: Load, tags: readonly string[], id: ImageId): void => {
  for (const tag of tags) {
    const before = context.store.images.byReference(tag);
    if (before === undefined || before.id === id) continue;
    const shown = shownReference(tag);
    load.emit({
      kind: 'status',
      message: `The image ${shown} already exists, renaming the old one with ID ${before.id} to empty string`,
    });
  }
};

const loadListed = async (context: Context, load: Load, image: ListedImage): Promise<ImageRecord> => {
  await placeLayers(context, load, { config: image.parsed, paths: image.layers });
  await context.store.blobs.put(image.config, { lease: load.lease });
  warnOfRenames(context, load, image.tags, image.id);
  return context.store.images.put({
    id: image.id,
    ...describedBy(image.parsed),
    layers: storedLayers(context, image.parsed.rootfs.diffIds),
    tags: image.tags,
    repoDigests: load.repoDigests,
  });
};

const tell = (context: Context, load: Load, view: ImageView, tags: readonly string[]): void => {
  announce(context, 'load', view.id);
  for (const tag of tags.map(shownReference)) {
    announce(context, 'tag', view.id, tag);
    load.emit({ kind: 'loaded', image: view.id, reference: tag, message: `Loaded image: ${tag}` });
  }
  if (tags.length > 0) return;
  load.emit({ kind: 'loaded', image: view.id, message: `Loaded image ID: ${view.id}` });
};

const isListedWanted = ({ parsed }: ListedImage, platforms: readonly Platform[] | undefined): boolean =>
  platforms?.some((platform) => matchPlatform(parsed, platform)) ?? true;

const notThere = (platforms: readonly Platform[], described: DescribedImages): Error => {
  const offered = [
    ...described.listed.map((image) => image.parsed),
    ...described.tops.flatMap(({ nodes }) => nodes.flatMap(({ image }) => image?.config ?? [])),
  ];
  return libraryErrors.archivePlatformMissing({
    wanted: platforms.map(formatPlatform).join(', '),
    offered: [...new Set(offered.map(formatPlatform))].join(', ') || 'none',
  });
};

const loadAll = async (
  context: Context,
  load: Load,
  { described, platforms }: { described: DescribedImages; platforms: readonly Platform[] | undefined },
): Promise<readonly ImageView[]> => {
  const views: ImageView[] = [];
  const add = (record: ImageRecord, tags: readonly string[]): void => {
    const view = context.lookup.view(record);
    tell(context, load, view, tags);
    views.push(view);
  };
  for (const image of described.listed.filter((one) => isListedWanted(one, platforms)))
    add(await loadListed(context, load, image), image.tags);
  for (const layout of described.tops) {
    const chosen = choose(layout, platforms);
    if (chosen === undefined) continue;
    if (chosen.main !== undefined)
      warnOfRenames(context, load, layout.tags, chosen.main.manifest.config.digest as ImageId);
    add(await loadLayout(context, load, { layout, chosen }), layout.tags);
  }
  if (views.length === 0 && platforms !== undefined) throw notThere(platforms, described);
  return views;
};

type Foreknowledge = (path: string, before: ArchiveEntries) => Foreknown;

/** Of archives whose documents come first: which layers are unpacked as they come, and which nobody wants. */
const planned = (described: DescribedImages, platforms: readonly Platform[] | undefined) => {
  const unwanted = new Set(described.tops.flatMap((layout) => [...unwantedPaths(layout, platforms)]));
  const layers = new Map<string, DiffId>();
  for (const layout of described.tops) {
    const main = choose(layout, platforms)?.main;
    if (main?.config.os !== 'linux') continue;
    for (const [index, { digest }] of main.manifest.layers.entries()) {
      const diffId = main.config.rootfs.diffIds[index];
      if (diffId !== undefined) layers.set(layoutPath(digest), diffId);
    }
  }
  return { unwanted, layers };
};

/** Protects what is going to come in one write, instead of one after the other. */
const protectPlanned = ({ layers }: ReturnType<typeof planned>, lease: Lease): void => {
  for (const [path, diffId] of layers) {
    const digest = promisedDigest(path);
    const protecting = [
      lease.protect('layer', diffId),
      ...(digest === undefined ? [] : [lease.protect('blob', digest)]),
    ];
    // Whoever needs it protected asks again, and is told then.
    for (const one of protecting) one.catch(() => undefined);
  }
};

const createForeknowledge = (
  platforms: readonly Platform[] | undefined,
  hints: LoadOptions['knownLayer'],
  lease: Lease,
): Foreknowledge => {
  let plan: ReturnType<typeof planned> | undefined;
  const planOf = (before: ArchiveEntries): ReturnType<typeof planned> => {
    try {
      return planned(describedImages(before), platforms);
    } catch {
      // The documents come later, or are wrong, which the end of the archive shows.
      return { unwanted: new Set(), layers: new Map() };
    }
  };
  return (path, before) => {
    const hinted = hints?.(path, (at) => {
      const entry = before.get(at);
      return entry?.kind === 'document' ? entry.bytes : undefined;
    });
    if (hinted !== undefined) return { kind: 'layer', diffId: hinted };
    if (before.get('index.json') === undefined) return undefined;
    if (plan === undefined) {
      plan = planOf(before);
      protectPlanned(plan, lease);
    }
    if (plan.unwanted.has(path)) return { kind: 'unwanted' };
    const diffId = plan.layers.get(path);
    return diffId === undefined ? undefined : { kind: 'layer', diffId: asDiffId(diffId) };
  };
};

const read = async (
  context: Context,
  stream: Readable,
  options: LoadOptions & { readonly lease: Lease; readonly emit: Emit<LibraryEvent> },
): Promise<ArchiveEntries> => {
  const { lease, signal, emit, platforms } = options;
  const onLayer = (path: string, size: number): ((current: number) => void) => {
    const [hex = path] = /[0-9a-f]{12,}/.exec(path) ?? [];
    const progress = layerProgress(emit, hex.slice(0, 12));
    return (current) => progress.count('Loading layer', current, size);
  };
  const foreknown = createForeknowledge(platforms?.map(parsePlatform), options.knownLayer, lease);
  return readArchive(context, stream, { lease, signal, onLayer, foreknown });
};

/** The same images under other names; the first gets them. */
const renamed = (described: DescribedImages, names: LoadOptions['names']): DescribedImages => {
  if (names === undefined) return described;
  const [first] = [...described.tops, ...described.listed];
  const rename = <T extends { readonly tags: readonly string[] }>(one: T): T => ({
    ...one,
    tags: (one as unknown) === first ? names.tags : [],
  });
  return { ...described, tops: described.tops.map(rename), listed: described.listed.map(rename) };
};

/** `docker load`. The archive is read once; a failure leaves the images that were loaded before it, and nothing else. */
export const loadImages = async (
  context: Context,
  stream: Readable,
  emit: Emit<LibraryEvent>,
  options: LoadOptions = {},
): Promise<readonly ImageView[]> => {
  const { signal } = options;
  const platforms = options.platforms?.map(parsePlatform);
  try {
    await using lease = protectingOnce(await context.store.leases.create({ label: 'load' }));
    const entries = await read(context, stream, { ...options, lease, emit });
    const described = renamed(describedImages(entries), options.names);
    const { repoDigests = [] } = options.names ?? {};
    const load = { entries, since: described.since, repoDigests, lease, emit, signal };
    return await loadAll(context, load, { described, platforms });
  } catch (error) {
    letGo(stream);
    // The caller learns what went wrong first, not what the clearing up met.
    await context.collect().catch(() => undefined);
    throw error;
  }
};
