import { Readable } from 'node:stream';
import { descriptorToJson, hexOf, familiarName, parseReference, repositoryName, MEDIA_TYPES } from '#oci';
import type { ImageRecord, Lease } from '#store';
import { writeTar, type TarSource } from '#tar';
import { layoutPath, planImage, type ArchiveFile, type ArchiveImage } from './archive-plan.ts';
import { announce, type Context } from './context.ts';
import { shownReference, storedReference } from './lookup.ts';
import type { Cancellable } from './types.ts';

/** An image with the names under which it goes into the archive. */
interface Selected {
  readonly record: ImageRecord;
  readonly tags: Set<string>;
}

/** Canonical tags that a name means; a repository without a tag means all its tags. */
const tagsMeant = (context: Context, name: string): readonly string[] => {
  const { record, named } = context.lookup.find(name);
  if (named.kind === 'id' || named.reference.digest !== undefined) return [];
  const tag = storedReference(named.reference);
  return context.store.images.byReference(tag)?.id === record.id ? [tag] : [];
};

const repositoryTags = (context: Context, name: string): readonly string[] => {
  if (/^(sha256:)?[0-9a-f]{64}$/.test(name)) return [];
  const reference = parseReference(name, { defaultTag: false });
  if (reference.tag !== undefined || reference.digest !== undefined) return [];
  const prefix = `${repositoryName(reference)}:`;
  return context.store.images
    .references()
    .filter((item) => item.kind === 'tag' && item.reference.startsWith(prefix))
    .map((item) => item.reference);
};

const select = (context: Context, names: readonly string[]): readonly Selected[] => {
  const chosen = new Map<string, Selected>();
  const add = (record: ImageRecord, tags: readonly string[]): void => {
    const known = chosen.get(record.id) ?? { record, tags: new Set() };
    for (const tag of tags) known.tags.add(tag);
    chosen.set(record.id, known);
  };
  for (const name of names) {
    const tags = repositoryTags(context, name);
    for (const tag of tags) add(context.lookup.find(tag).record, [tag]);
    if (tags.length === 0) add(context.lookup.find(name).record, tagsMeant(context, name));
  }
  return [...chosen.values()];
};

const jsonFile = (path: string, value: unknown): TarSource => {
  const content = Buffer.from(`${JSON.stringify(value)}\n`);
  return { path, kind: 'file', mode: 0o644, size: content.length, content };
};

const directory = (path: string): TarSource => ({ path, kind: 'directory', mode: 0o755 });

/** manifest.json of a Docker archive. */
const dockerManifest = (images: readonly ArchiveImage[]): unknown =>
  images.map(({ record, tags, layers }) => ({
    Config: layoutPath(record.id),
    RepoTags: tags.length === 0 ? null : tags.map(shownReference),
    Layers: layers.map(layoutPath),
  }));

/** The file `repositories` that readers from before manifest.json look for. */
const repositories = (images: readonly ArchiveImage[]): unknown => {
  const found: Record<string, Record<string, string>> = {};
  for (const { tags, layers } of images) {
    for (const tag of tags.map((text) => parseReference(text))) {
      const name = familiarName(tag);
      const top = layers.at(-1);
      found[name] = { ...found[name], [tag.tag ?? 'latest']: top === undefined ? '' : hexOf(top) };
    }
  }
  return found;
};

const ociIndex = (images: readonly ArchiveImage[]): unknown => ({
  schemaVersion: 2,
  mediaType: MEDIA_TYPES.ociIndex,
  manifests: images.flatMap(({ record, tags, manifest }) => {
    const plain = { ...manifest, platform: record.platform };
    if (tags.length === 0) return [descriptorToJson(plain)];
    return tags.map((tag) =>
      descriptorToJson({
        ...plain,
        annotations: {
          'io.containerd.image.name': tag,
          'org.opencontainers.image.ref.name': parseReference(tag).tag ?? 'latest',
        },
      }),
    );
  }),
});

const fileSource = ({ digest, size, content }: ArchiveFile): TarSource => ({
  path: layoutPath(digest),
  kind: 'file',
  mode: 0o644,
  size,
  content: typeof content === 'function' ? content() : content,
});

function* sources(images: readonly ArchiveImage[]): Generator<TarSource, void, undefined> {
  const files = new Map(
    images.flatMap((image) => image.files).map((file) => [layoutPath(file.digest), file]),
  );
  yield directory('blobs/');
  for (const algorithm of new Set(
    [...files.keys()].map((path) => path.slice(0, path.lastIndexOf('/') + 1)),
  )) {
    yield directory(algorithm);
  }
  for (const file of files.values()) yield fileSource(file);
  yield jsonFile('index.json', ociIndex(images));
  yield jsonFile('manifest.json', dockerManifest(images));
  yield jsonFile('oci-layout', { imageLayoutVersion: '1.0.0' });
  yield jsonFile('repositories', repositories(images));
}

const protectAll = async (context: Context, selected: readonly Selected[], lease: Lease): Promise<void> => {
  for (const { record } of selected) {
    await lease.protect('blob', record.id);
    for (const { digest } of record.manifests) await lease.protect('blob', digest);
    for (const diffId of record.diffIds) {
      await lease.protect('layer', diffId);
      for (const { digest } of context.store.images.layerBlobs(diffId)) await lease.protect('blob', digest);
    }
  }
};

async function* archive(
  context: Context,
  selected: readonly Selected[],
): AsyncGenerator<Uint8Array, void, undefined> {
  await using lease = await context.store.leases.create({ label: 'save' });
  await protectAll(context, selected, lease);
  const images: ArchiveImage[] = [];
  for (const { record, tags } of selected) images.push(await planImage(context, record, [...tags]));
  yield* writeTar(sources(images));
  for (const { record } of selected) announce(context, 'save', record.id);
}

/** `docker save`: a tar that is a Docker archive and an OCI layout at once. */
export const saveImages = (
  context: Context,
  names: readonly string[],
  options: Cancellable = {},
): Readable => {
  const selected = select(context, names);
  const { signal } = options;
  return Readable.from(archive(context, selected), {
    objectMode: false,
    highWaterMark: 256 * 1024,
    ...(signal === undefined ? {} : { signal }),
  });
};
