import { Readable } from 'node:stream';
import {
  formatPlatform,
  selectPlatform,
  parsePlatform,
  parseReference,
  repositoryName,
  type Platform,
} from '#oci';
import { tarErrors } from '#tar';
import type { ImageRecord, ImageReference, Lease, ManifestLink, TargetRecord } from '#store';
import { archiveParts, type Archive, type ArchivePart, type NamedTop } from './archive-documents.ts';
import type { SinceImage } from './archive-images.ts';
import { layoutPath, type ArchiveFile, type Left } from './archive-plan.ts';
import { isCompound, topOfImage, topOfTarget, type ArchiveTop } from './archive-target.ts';
import { announce, type Context } from './context.ts';
import { libraryErrors } from './errors.ts';
import { storedReference } from './lookup.ts';
import { refetchLayers } from './refetch.ts';
import type { SaveOptions } from './types.ts';

/** What a name means, with the names under which it goes into the archive. */
interface Selected {
  readonly record: ImageRecord;
  readonly target: TargetRecord | undefined;
  readonly tags: Set<string>;
  /** As it was asked for. */
  readonly name: string;
}

const repositoryTags = (context: Context, name: string): readonly ImageReference[] => {
  if (/^(sha256:)?[0-9a-f]{64}$/.test(name)) return [];
  const reference = parseReference(name, { defaultTag: false });
  if (reference.tag !== undefined || reference.digest !== undefined) return [];
  const prefix = `${repositoryName(reference)}:`;
  return context.store.images
    .references()
    .filter((item) => item.kind === 'tag' && item.reference.startsWith(prefix));
};

const targetOf = (context: Context, link: ManifestLink | undefined): TargetRecord | undefined =>
  link === undefined ? undefined : context.store.images.target(link.digest);

const selectOne = (context: Context, name: string): Omit<Selected, 'tags'> & { tag: string | undefined } => {
  const { record, named, reference } = context.lookup.find(name);
  const isTag = named.kind === 'reference' && named.reference.digest === undefined;
  const tag = isTag && reference !== undefined ? storedReference(named.reference) : undefined;
  return { record, target: targetOf(context, reference?.target), name, tag };
};

/** A repository without a tag means all its tags. */
const select = (context: Context, names: readonly string[]): readonly Selected[] => {
  const chosen = new Map<string, Selected>();
  const add = ({ tag, ...one }: ReturnType<typeof selectOne>): void => {
    const key = `${one.record.id} ${one.target?.digest ?? ''}`;
    const known = chosen.get(key) ?? { ...one, tags: new Set() };
    if (tag !== undefined) known.tags.add(tag);
    chosen.set(key, known);
  };
  for (const name of names) {
    const tags = repositoryTags(context, name);
    for (const { reference } of tags) add(selectOne(context, reference));
    if (tags.length === 0) add(selectOne(context, name));
  }
  return [...chosen.values()];
};

/** The images that a name stands for and that are here. */
const imagesOf = (context: Context, { record, target }: Selected): readonly ImageRecord[] => {
  const members = (target?.members ?? [])
    .map(({ image }) => (image === undefined ? undefined : context.store.images.get(image)))
    .filter((image) => image !== undefined);
  return members.some((member) => member.id === record.id) ? members : [record, ...members];
};

/** The images for the platforms asked for; each platform must have one. */
const wantedImages = (
  context: Context,
  selected: Selected,
  platforms: readonly Platform[],
): readonly ImageRecord[] => {
  const offered = imagesOf(context, selected).filter((image) => image.kind === 'image');
  const wanted = platforms.map((platform) => {
    const found = selectPlatform(offered, platform);
    if (found !== undefined) return found;
    throw libraryErrors.wrongPlatform({
      name: selected.name,
      wanted: formatPlatform(platform),
      found: offered.map((image) => formatPlatform(image.platform)).join(', '),
    });
  });
  return [...new Map(wanted.map((image) => [image.id, image])).values()];
};

interface Plan {
  readonly left: Left;
  readonly platforms: readonly Platform[] | undefined;
}

const topFor = async (context: Context, selected: Selected, plan: Plan): Promise<ArchiveTop> => {
  const { left, platforms } = plan;
  const { target } = selected;
  const wanted = platforms === undefined ? undefined : wantedImages(context, selected, platforms);
  const main = wanted?.find((image) => image.id === selected.record.id) ?? wanted?.[0] ?? selected.record;
  const single = wanted !== undefined && wanted.length === 1;
  if (target === undefined || !isCompound(target) || single) {
    if (main.kind !== 'artifact') return topOfImage(context, main, left);
  }
  const only = wanted === undefined ? undefined : new Set<string>(wanted.map((image) => image.id));
  const [link] = main.manifests;
  const whole = target ?? (link === undefined ? undefined : targetOf(context, link));
  const top = whole === undefined ? undefined : await topOfTarget(context, whole, { main, only, left });
  return top ?? topOfImage(context, main, left);
};

const contentOfImage = (context: Context, record: ImageRecord) => [
  ['image', record.id] as const,
  ['blob', record.id] as const,
  ...record.manifests.map(({ digest }) => ['blob', digest] as const),
  ...record.diffIds.flatMap((diffId) => [
    ['layer', diffId] as const,
    ...context.store.images.layerBlobs(diffId).map(({ digest }) => ['blob', digest] as const),
  ]),
];

const protectAll = async (context: Context, selected: readonly Selected[], lease: Lease): Promise<void> => {
  const content = selected.flatMap((one) => [
    ...(one.target?.members ?? []).map(({ manifest }) => ['blob', manifest.digest] as const),
    ...(one.target === undefined ? [] : [['blob', one.target.digest] as const]),
    ...imagesOf(context, one).flatMap((record) => contentOfImage(context, record)),
  ]);
  const once = new Map(content.map((item) => [item.join(' '), item]));
  await Promise.all([...once.values()].map(([kind, key]) => lease.protect(kind, key)));
};

const tooShort = (file: ArchiveFile, written: number): Error =>
  tarErrors.notWritable({
    path: layoutPath(file.digest),
    reason: `it has ${written} bytes, not ${file.size}`,
  });

async function* fileBytes(file: ArchiveFile): AsyncGenerator<Uint8Array, void, undefined> {
  const content = typeof file.content === 'function' ? file.content() : [file.content];
  let written = 0;
  for await (const chunk of content as AsyncIterable<Uint8Array>) {
    written += chunk.length;
    if (written > file.size) break;
    yield chunk;
  }
  if (written !== file.size) throw tooShort(file, written);
}

/** The bytes of an archive. */
export async function* bytesOf(parts: Iterable<ArchivePart>): AsyncGenerator<Uint8Array, void, undefined> {
  for (const part of parts) {
    if (!(part instanceof Uint8Array)) yield* fileBytes(part);
    else if (part.length > 0) yield part;
  }
}

const sinceOf = (context: Context, name: string): SinceImage => {
  const { record } = context.lookup.find(name);
  return { name, id: record.id, diffIds: record.diffIds };
};

async function* archive(
  context: Context,
  selected: readonly Selected[],
  { since, signal, ...plan }: Plan & Pick<Archive, 'since'> & { readonly signal: AbortSignal | undefined },
): AsyncGenerator<Uint8Array, void, undefined> {
  await using lease = await context.store.leases.create({ label: 'save' });
  await protectAll(context, selected, lease);
  for (const record of selected.flatMap((one) => imagesOf(context, one)))
    if (record.unpacked) await refetchLayers(context, record, { lease, signal });
  const tops: NamedTop[] = [];
  for (const one of selected) {
    tops.push({ ...(await topFor(context, one, plan)), tags: [...one.tags] });
  }
  yield* bytesOf(archiveParts({ tops, since }));
  for (const { record } of selected) announce(context, 'save', record.id);
}

/** `docker save`: a tar that is a Docker archive and an OCI layout at once. */
export const saveImages = (
  context: Context,
  names: readonly string[],
  options: SaveOptions = {},
): Readable => {
  const selected = select(context, names);
  const { signal } = options;
  const since = (options.since ?? []).map((name) => sinceOf(context, name));
  const left: Left = new Set(
    (options.since ?? []).flatMap((name) => context.lookup.find(name).record.diffIds),
  );
  const platforms = options.platforms?.map(parsePlatform);
  if (platforms !== undefined) for (const one of selected) wantedImages(context, one, platforms);
  return Readable.from(archive(context, selected, { since, left, platforms, signal }), {
    objectMode: false,
    highWaterMark: 256 * 1024,
    ...(signal === undefined ? {} : { signal }),
  });
};
