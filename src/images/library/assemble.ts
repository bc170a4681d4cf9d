import {
  MEDIA_TYPES,
  asImageId,
  encodeImageConfig,
  encodeImageManifest,
  encodeIndex,
  hostPlatform,
  selectPlatform,
  type Descriptor,
  type DiffId,
} from '#oci';
import { allOrAbort } from './all-or-abort.ts';
import type {
  AssembledImage,
  Assembly,
  AssemblyPart,
  AssemblyRequest,
  ImageStatement,
} from './assembly-types.ts';
import { compressedLayer } from './compress-layer.ts';
import { layerTypeIn } from './compression.ts';
import type { Context } from './context.ts';
import { describedBy } from './create-image.ts';

const IN_TOTO = 'application/vnd.in-toto+json';
const PREDICATE_TYPE = 'in-toto.io/predicate-type';
const EMPTY_JSON = Buffer.from('{}');

const put = async (
  context: Context,
  { lease }: AssemblyRequest,
  content: { readonly bytes: Uint8Array; readonly mediaType: string },
): Promise<Descriptor> => {
  const { digest, size } = await context.store.blobs.put(content.bytes, { lease });
  return { mediaType: content.mediaType, digest, size };
};

/** The layers in the form that the manifest is to name. */
const layersOf = async (
  context: Context,
  request: AssemblyRequest,
  diffIds: readonly DiffId[],
): Promise<readonly Descriptor[]> => {
  const { compression, lease, mediaTypes = 'oci' } = request;
  const made = new Map<DiffId, Descriptor>();
  const tasks = [...new Set(diffIds)].map((diffId) => async (signal: AbortSignal): Promise<void> => {
    const options = { lease, signal, compression, strict: request.forceCompression };
    const { digest, size, mediaType } = await compressedLayer(context, diffId, options);
    made.set(diffId, { mediaType: layerTypeIn(mediaTypes, mediaType), digest, size });
  });
  await allOrAbort(tasks, request.signal);
  return diffIds.map((diffId) => made.get(diffId)).filter((layer) => layer !== undefined);
};

/** A statement as an artifact about a manifest (image-spec, artifacts with a subject). */
const putStatement = async (
  context: Context,
  request: AssemblyRequest,
  { statement, subject }: { readonly statement: ImageStatement; readonly subject: Descriptor },
): Promise<Descriptor> => {
  const config = await put(context, request, { bytes: EMPTY_JSON, mediaType: MEDIA_TYPES.ociEmpty });
  const layer = await put(context, request, { bytes: statement.bytes, mediaType: IN_TOTO });
  const annotations = { [PREDICATE_TYPE]: statement.predicateType };
  const bytes = encodeImageManifest({
    mediaType: MEDIA_TYPES.ociManifest,
    artifactType: IN_TOTO,
    config: { ...config, data: EMPTY_JSON },
    layers: [{ ...layer, annotations }],
    subject,
    annotations,
  });
  const made = await put(context, request, { bytes, mediaType: MEDIA_TYPES.ociManifest });
  return { ...made, artifactType: IN_TOTO, annotations };
};

const assembleImage = async (
  context: Context,
  request: AssemblyRequest,
  part: AssemblyPart,
): Promise<AssembledImage> => {
  const { config, annotations = {} } = part;
  const isDocker = request.mediaTypes === 'docker';
  const mediaType = isDocker ? MEDIA_TYPES.dockerManifest : MEDIA_TYPES.ociManifest;
  const described = await put(context, request, {
    bytes: encodeImageConfig(config),
    mediaType: isDocker ? MEDIA_TYPES.dockerConfig : MEDIA_TYPES.ociConfig,
  });
  const bytes = encodeImageManifest({
    mediaType,
    config: described,
    layers: await layersOf(context, request, config.rootfs.diffIds),
    ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
  });
  const manifest = await put(context, request, { bytes, mediaType });
  const statements: Descriptor[] = [];
  for (const statement of (await part.statements?.(manifest)) ?? [])
    statements.push(await putStatement(context, request, { statement, subject: manifest }));
  return { id: asImageId(described.digest), config, manifest, statements };
};

const entryOf = (
  { manifest, config }: AssembledImage,
  annotations: Descriptor['annotations'],
): Descriptor => ({
  ...manifest,
  platform: {
    ...describedBy(config).platform,
    ...(config.osVersion === undefined ? {} : { osVersion: config.osVersion }),
  },
  ...(annotations === undefined || Object.keys(annotations).length === 0 ? {} : { annotations }),
});

const putIndex = (
  context: Context,
  request: AssemblyRequest,
  images: readonly AssembledImage[],
): Promise<Descriptor> => {
  const { annotations = {} } = request.index ?? {};
  const mediaType = request.mediaTypes === 'docker' ? MEDIA_TYPES.dockerIndex : MEDIA_TYPES.ociIndex;
  const bytes = encodeIndex({
    mediaType,
    manifests: images.map((image, at) => entryOf(image, request.parts[at]?.descriptorAnnotations)),
    ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
  });
  return put(context, request, { bytes, mediaType });
};

/** Puts images of stored layers together: configurations, manifests, statements about them, and an index. */
export const assemble = async (context: Context, request: AssemblyRequest): Promise<Assembly> => {
  const { lease, parts } = request;
  const diffIds = new Set(parts.flatMap(({ config }) => config.rootfs.diffIds));
  await Promise.all([...diffIds].map((diffId) => lease.protect('layer', diffId)));
  const images: AssembledImage[] = [];
  for (const part of parts) images.push(await assembleImage(context, request, part));
  const offered = images.map((image) => ({ image, platform: image.config }));
  const main = selectPlatform(offered, hostPlatform())?.image ?? images[0];
  if (main === undefined) throw new TypeError('an assembly needs an image');
  const alone = images.length === 1 && request.index === undefined;
  const top = alone ? main.manifest : await putIndex(context, request, images);
  return { top, topAnnotations: request.topAnnotations ?? {}, images, main };
};
