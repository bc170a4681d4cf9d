import {
  canonicalString,
  encodeImageConfig,
  asImageId,
  parseReference,
  type DiffId,
  type ImageConfig,
} from '#oci';
import type { Lease, NewImage } from '#store';
import { announce, type Context } from './context.ts';
import { libraryErrors } from './errors.ts';
import type { CreateImageRequest, ImageView } from './types.ts';

/** Sizes of stored layers; `failed-precondition` when one is missing. */
export const storedLayers = (context: Context, diffIds: readonly DiffId[]): NewImage['layers'] =>
  diffIds.map((diffId) => {
    const info = context.layers.info(diffId);
    if (info === undefined) throw libraryErrors.layerMissing({ diffId });
    return { diffId, size: info.size };
  });

/** What a record takes from the configuration. */
export const describedBy = (config: ImageConfig): Pick<NewImage, 'platform' | 'created' | 'labels'> => ({
  platform: {
    os: config.os,
    architecture: config.architecture,
    ...(config.variant === undefined ? {} : { variant: config.variant }),
  },
  created: config.created,
  labels: config.config.Labels,
});

/** The canonical form of a name to be given to an image; a digest cannot be given. */
export const tagTarget = (name: string): string => {
  const reference = parseReference(name);
  if (reference.digest !== undefined) throw libraryErrors.digestInTag({});
  return canonicalString(reference);
};

/** Records an image whose layers are stored, under a lease that the caller keeps until it has resolved. */
export const recordImage = async (
  context: Context,
  request: CreateImageRequest,
  lease: Lease,
): Promise<ImageView> => {
  const { config, tags = [], parent } = request;
  const { diffIds } = config.rootfs;
  const [{ digest }] = await Promise.all([
    // The image is recorded after it, and durably.
    context.store.blobs.put(encodeImageConfig(config), { lease, durable: false }),
    ...diffIds.map((diffId) => lease.protect('layer', diffId)),
  ]);
  const layers = storedLayers(context, diffIds);
  const record = await context.store.images.put({
    id: asImageId(digest),
    ...describedBy(config),
    parent,
    layers,
    tags: tags.map(tagTarget),
  });
  return context.lookup.view(record);
};

const createUnder = async (
  context: Context,
  request: CreateImageRequest,
  lease: Lease,
): Promise<ImageView> => {
  const view = await recordImage(context, request, lease);
  announce(context, 'create', view.id);
  for (const tag of view.tags) announce(context, 'tag', view.id, tag);
  return view;
};

/** Records an image of stored layers. */
export const createImage = async (context: Context, request: CreateImageRequest): Promise<ImageView> => {
  const checked = { ...request, tags: (request.tags ?? []).map(tagTarget) };
  if (request.lease !== undefined) return createUnder(context, checked, request.lease);
  await using lease = await context.store.leases.create({ label: 'create image' });
  return await createUnder(context, checked, lease);
};

/** `docker tag`. */
export const tagImage = async (context: Context, source: string, target: string): Promise<void> => {
  const reference = tagTarget(target);
  const { record, reference: named } = context.lookup.find(source);
  await context.store.images.tag(reference, record.id, named?.target);
  announce(context, 'tag', record.id, target);
};
