import { hostPlatform, parsePlatform, type ImageConfig } from '#oci';
import type { LayerInfo } from '#layers';
import type { Lease } from '#store';
import { foreignUnpacked, letGo } from './archive-input.ts';
import { applyChanges } from './changes.ts';
import { announce, type Context } from './context.ts';
import { recordImage, tagTarget } from './create-image.ts';
import type { ImageView, ImportRequest } from './types.ts';

const configOf = (request: ImportRequest, layer: LayerInfo): ImageConfig => {
  const platform = request.platform === undefined ? hostPlatform() : parsePlatform(request.platform);
  const created = new Date().toISOString();
  return {
    os: platform.os,
    architecture: platform.architecture,
    ...(platform.variant === undefined ? {} : { variant: platform.variant }),
    created,
    config: applyChanges({}, request.changes ?? []),
    rootfs: { diffIds: [layer.diffId] },
    history: [{ created, comment: request.message ?? `Imported from ${request.source ?? '-'}` }],
  };
};

const storeLayer = async (context: Context, request: ImportRequest, lease: Lease): Promise<LayerInfo> => {
  const { bytes, packed } = await foreignUnpacked(request.stream);
  const source = { kind: 'stream', stream: bytes, compression: packed ? 'auto' : 'none' } as const;
  const layer = await context.layers.unpack(source, { lease, signal: request.signal });
  // There is nothing below that it could refer to: a link to a file that it does not hold is found here.
  await context.layers.prepare([layer.diffId]);
  return layer;
};

/** `docker import`: the tar of a root file system becomes an image of one layer. */
export const importImage = async (context: Context, request: ImportRequest): Promise<ImageView> => {
  const tags = request.reference === undefined ? [] : [tagTarget(request.reference)];
  applyChanges({}, request.changes ?? []);
  try {
    await using lease = await context.store.leases.create({
      label: `import ${request.reference ?? 'an archive'}`,
    });
    const layer = await storeLayer(context, request, lease);
    const view = await recordImage(context, { config: configOf(request, layer), tags }, lease);
    announce(context, 'import', view.id);
    for (const tag of view.tags) announce(context, 'tag', view.id, tag);
    return view;
  } catch (error) {
    letGo(request.stream);
    await context.collect().catch(() => undefined);
    throw error;
  }
};
