import { formatPlatform } from '#oci';
import type { Lease } from '#store';
import { allOrAbort } from './all-or-abort.ts';
import type { Context } from './context.ts';
import { describedBy, storedLayers } from './create-image.ts';
import { libraryErrors } from './errors.ts';
import { unpackStored } from './fetch-layer.ts';
import { isWhole, manifestsOf } from './image-manifest.ts';
import type { Cancellable, ImageView, ResolveOptions } from './types.ts';

const assertRunnable = (view: ImageView, name: string): void => {
  if (view.record.kind === 'artifact') {
    const mediaType = view.record.manifests[0]?.mediaType ?? 'unknown';
    throw libraryErrors.notAnImage({ name, mediaType });
  }
  if (view.config.os !== 'linux') {
    throw libraryErrors.notRunnable({ name, platform: formatPlatform(view.record.platform) });
  }
};

/** Unpacks the layers of an image whose blobs are stored. */
const unpackImage = async (
  context: Context,
  view: ImageView,
  { lease, signal }: Cancellable & { readonly lease: Lease },
): Promise<void> => {
  const { diffIds } = view.config.rootfs;
  await Promise.all(diffIds.map((diffId) => lease.protect('layer', diffId)));
  const missing = diffIds.find((diffId) => context.layers.info(diffId) === undefined);
  if (missing !== undefined) {
    const whole = (await manifestsOf(context, view.record)).find((stored) => isWhole(context, stored));
    if (whole === undefined) throw libraryErrors.layerMissing({ diffId: missing });
    const layers = whole.manifest.layers.map((descriptor, index) => ({
      descriptor,
      diffId: diffIds[index] ?? missing,
      below: diffIds.slice(0, index),
    }));
    await allOrAbort(
      layers.map((layer) => (inner) => unpackStored(context, layer, { lease, signal: inner })),
      signal,
    );
    await context.layers.prepare(diffIds);
  }
  await context.store.images.put({
    id: view.id,
    ...describedBy(view.config),
    layers: storedLayers(context, diffIds),
  });
};

/** Finds an image and makes its layers mountable; others that ask for the same meanwhile wait for it. */
export const prepareImage = async (
  context: Context,
  name: string,
  options: ResolveOptions & Cancellable = {},
): Promise<ImageView> => {
  const view = context.lookup.resolve(name, options);
  assertRunnable(view, name);
  if (view.record.unpacked) return view;
  await using lease = await context.store.leases.create({ label: `unpack ${name}` });
  await lease.protect('image', view.id);
  await unpackImage(context, view, { lease, signal: options.signal });
  return context.lookup.resolve(view.id);
};
