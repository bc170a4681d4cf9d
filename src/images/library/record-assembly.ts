import { parseManifest, type Descriptor } from '#oci';
import type { NewImage, NewMember } from '#store';
import type { AssembledImage, Assembly } from './assembly-types.ts';
import { announce, type Context } from './context.ts';
import { describedBy, storedLayers, tagTarget } from './create-image.ts';
import type { ImageView } from './types.ts';

const linkOf = ({ digest, mediaType }: Descriptor) => ({ digest, mediaType });

/** The blobs that a stored manifest names beside its configuration. */
const layersNamed = async (context: Context, manifest: Descriptor): Promise<readonly Descriptor[]> => {
  const parsed = parseManifest(await context.store.blobs.read(manifest.digest), manifest.mediaType);
  return parsed.kind === 'image' ? parsed.layers : [];
};

const newImage = async (context: Context, { id, config, manifest }: AssembledImage): Promise<NewImage> => ({
  id,
  ...describedBy(config),
  layers: storedLayers(context, config.rootfs.diffIds),
  manifests: [linkOf(manifest)],
  blobs: (await layersNamed(context, manifest)).map(({ digest }) => digest),
});

const statementMember = (image: AssembledImage, statement: Descriptor): NewMember => ({
  manifest: linkOf(statement),
  kind: 'attestation',
  subject: image.manifest.digest,
});

/** Configuration and content of a statement's manifest. */
const statementBlobs = async (
  context: Context,
  statement: Descriptor,
): Promise<readonly Descriptor['digest'][]> => {
  const parsed = parseManifest(await context.store.blobs.read(statement.digest), statement.mediaType);
  const named = parsed.kind === 'image' ? [parsed.config, ...parsed.layers] : [];
  return [statement.digest, ...named.map(({ digest }) => digest)];
};

/**
 * Records what was put together under these names: the images, and what the names mean, with the statements about them.
 * Without a name only the images are recorded, since an index without one would be collected.
 */
export const recordAssembly = async (
  context: Context,
  assembly: Assembly,
  names: readonly string[],
): Promise<ImageView> => {
  const { top, images, main } = assembly;
  const tags = names.map(tagTarget);
  const recorded = await Promise.all(images.map((image) => newImage(context, image)));
  if (tags.length === 0) for (const image of recorded) await context.store.images.put(image);
  else {
    const statements = images.flatMap((image) => image.statements);
    const blobs = await Promise.all(statements.map((statement) => statementBlobs(context, statement)));
    await context.store.images.putTarget({
      ...linkOf(top),
      image: main.id,
      tags,
      members: [
        ...images.map((image, at): NewMember => ({
          manifest: linkOf(image.manifest),
          kind: 'image',
          image: recorded[at],
          platform: describedBy(image.config).platform,
        })),
        ...images.flatMap((image) => image.statements.map((each) => statementMember(image, each))),
      ],
      blobs: blobs.flat(),
    });
  }
  for (const { id } of images) announce(context, 'create', id);
  for (const tag of names) announce(context, 'tag', main.id, tag);
  return context.lookup.resolve(main.id);
};
