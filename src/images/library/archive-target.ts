import { isIndexType, parseManifest, type Descriptor, type Digest } from '#oci';
import type { ImageRecord, ManifestLink, TargetMember } from '#store';
import { blobFile, planImage, type ArchiveFile, type ArchiveImage, type Left } from './archive-plan.ts';
import type { Context } from './context.ts';

/** What one entry of an archive's index.json leads to. */
export interface ArchiveTop {
  readonly descriptor: Descriptor;
  /** Images for manifest.json: of an index, the one that its name means. */
  readonly images: readonly ArchiveImage[];
  /** Manifests that nothing in the archive lists, since they are about others that are in it. */
  readonly referrers: readonly Descriptor[];
  readonly documents: readonly ArchiveFile[];
  readonly files: readonly ArchiveFile[];
}

export const topOfImage = async (context: Context, record: ImageRecord, left: Left): Promise<ArchiveTop> => {
  const image = await planImage(context, record, left);
  const { manifest, documents, files } = image;
  return {
    descriptor: { ...manifest, platform: record.platform },
    images: [image],
    referrers: [],
    documents,
    files,
  };
};

const descriptorOf = (context: Context, { digest, mediaType }: ManifestLink): Descriptor => ({
  digest,
  mediaType,
  size: context.store.blobs.stat(digest)?.size ?? 0,
});

/** Manifest, configuration and content of a member, as far as they are stored. */
const memberFiles = async (context: Context, member: TargetMember) => {
  const { blobs } = context.store;
  const document = blobFile(context, descriptorOf(context, member.manifest));
  const manifest = parseManifest(await blobs.read(member.manifest.digest), member.manifest.mediaType);
  if (manifest.kind === 'index') return { documents: [document], files: [] };
  const [config, ...layers] = [manifest.config, ...manifest.layers]
    .filter(({ digest }) => blobs.stat(digest) !== undefined)
    .map((item) => blobFile(context, item));
  return { documents: config === undefined ? [document] : [document, config], files: layers };
};

/** Adds what an index, and those in it, list; each is read once, however often it is named. */
const addListed = async (
  context: Context,
  { digest, mediaType }: ManifestLink,
  listed: Set<Digest>,
): Promise<void> => {
  if (!isIndexType(mediaType) || context.store.blobs.stat(digest) === undefined) return;
  const manifest = parseManifest(await context.store.blobs.read(digest), mediaType);
  if (manifest.kind !== 'index') return;
  for (const entry of manifest.manifests) {
    if (listed.has(entry.digest)) continue;
    listed.add(entry.digest);
    await addListed(context, entry, listed);
  }
};

const recordOf = (context: Context, { image }: TargetMember): ImageRecord | undefined =>
  image === undefined ? undefined : context.store.images.get(image);

/**
 * A whole index with all that is stored of it, or with the images in `only` and what is no image; undefined when the
 * main image cannot be given in the bytes that the index names.
 */
export const topOfTarget = async (
  context: Context,
  target: ManifestLink & { readonly members: readonly TargetMember[] },
  { main, only, left }: { main: ImageRecord; only: ReadonlySet<string> | undefined; left: Left },
): Promise<ArchiveTop | undefined> => {
  const top = descriptorOf(context, target);
  const documents = [blobFile(context, top)];
  const files: ArchiveFile[] = [];
  const images: ArchiveImage[] = [];
  const referrers: Descriptor[] = [];
  const listed = new Set([target.digest]);
  await addListed(context, target, listed);
  for (const member of target.members) {
    const record = recordOf(context, member);
    const isImage = record?.kind === 'image';
    if (isImage && only !== undefined && !only.has(record.id)) continue;
    const image = isImage ? await planImage(context, record, left) : undefined;
    if (image !== undefined && image.manifest.digest !== member.manifest.digest) {
      if (record?.id === main.id) return undefined;
      continue;
    }
    if (record?.id === main.id && image !== undefined) images.push(image);
    if (!listed.has(member.manifest.digest)) referrers.push(descriptorOf(context, member.manifest));
    const more = image ?? (await memberFiles(context, member));
    documents.push(...more.documents);
    files.push(...more.files);
  }
  return { descriptor: top, images, referrers, documents, files };
};

/** Whether a name means more than one manifest, so that all of it goes into the archive. */
export const isCompound = (target: {
  readonly mediaType: string;
  readonly members: readonly unknown[];
}): boolean => isIndexType(target.mediaType) || target.members.length > 1;
