import { toLadeError } from '#errors';
import type { LayerInfo, LayerSource } from '#layers';
import { layerCompression, shortId, type Descriptor, type DiffId } from '#oci';
import type { Context } from './context.ts';
import type { Download } from './downloads.ts';
import { libraryErrors } from './errors.ts';
import { layerProgress, type LayerProgress } from './progress.ts';
import type { RemoteFetch } from './remote-content.ts';

/** Smaller blobs are unpacked once they are whole. */
const FOLLOW_BYTES = 1024 * 1024;

export type LayerFetch = RemoteFetch;

type Unpacking = Pick<LayerFetch, 'lease' | 'signal'>;

export interface LayerToFetch {
  readonly descriptor: Descriptor;
  readonly diffId: DiffId;
  /** Lowest first. */
  readonly below: readonly DiffId[];
  /** Other layers are fetched at the same time. */
  readonly among?: boolean | undefined;
}

const unpackOnce = (
  context: Context,
  layer: LayerToFetch,
  source: LayerSource,
  fetch: Unpacking,
): Promise<LayerInfo> =>
  context.layers.unpack(source, {
    below: layer.below,
    among: layer.among === true ? { bytes: layer.descriptor.size } : undefined,
    expected: layer.diffId,
    lease: fetch.lease,
    signal: fetch.signal,
  });

/** Unpacks; once more when another, who unpacked the same and was joined, gave up. */
const unpack: typeof unpackOnce = async (context, layer, source, fetch) => {
  try {
    return await unpackOnce(context, layer, source, fetch);
  } catch (error) {
    if (toLadeError(error).kind !== 'cancelled' || fetch.signal?.aborted === true) throw error;
    return unpackOnce(context, layer, source, fetch);
  }
};

const unpackBlob = (context: Context, layer: LayerToFetch, fetch: Unpacking): Promise<LayerInfo> =>
  unpack(
    context,
    layer,
    { kind: 'file', path: context.store.blobs.path(layer.descriptor.digest), compression: 'auto' },
    fetch,
  );

const inTurn = <T>(
  context: Context,
  layer: LayerToFetch,
  fetch: Unpacking,
  task: () => Promise<T>,
): Promise<T> => context.downloads.unpacking(task, { weight: layer.descriptor.size, signal: fetch.signal });

/** Unpacks a layer whose blob is stored. */
export const unpackStored = (context: Context, layer: LayerToFetch, fetch: Unpacking): Promise<LayerInfo> =>
  inTurn(context, layer, fetch, () => unpackBlob(context, layer, fetch));

const unpackArriving = async (
  context: Context,
  layer: LayerToFetch,
  download: Download,
  fetch: LayerFetch,
): Promise<LayerInfo> => {
  const { path, growing } = await download.started;
  return inTurn(context, layer, fetch, () => {
    // While this waited, the blob may have arrived, whose file then has another name.
    if (context.store.blobs.stat(layer.descriptor.digest) !== undefined)
      return unpackBlob(context, layer, fetch);
    return unpack(context, layer, { kind: 'file', path, compression: 'auto', growing }, fetch);
  });
};

/** Unpacks while the blob still arrives; undefined when that failed, for whichever reason. */
const unpackGrowing = async (
  context: Context,
  layer: LayerToFetch,
  download: Download,
  fetch: LayerFetch,
): Promise<LayerInfo | undefined> => {
  try {
    return await unpackArriving(context, layer, download, fetch);
  } catch {
    return undefined;
  }
};

const transfer = async (
  context: Context,
  layer: LayerToFetch,
  fetch: LayerFetch,
  progress: LayerProgress,
): Promise<LayerInfo> => {
  const { descriptor } = layer;
  if (context.downloads.busy()) progress.state('Waiting');
  const download = context.downloads.fetch({
    descriptor,
    repository: fetch.repository,
    signal: fetch.signal,
    onProgress: (current) => progress.count('Downloading', current, descriptor.size),
  });
  const unpacking =
    descriptor.size < FOLLOW_BYTES ? undefined : unpackGrowing(context, layer, download, fetch);
  try {
    await download.finished;
  } catch (error) {
    await unpacking;
    throw error;
  }
  progress.state('Verifying Checksum');
  progress.state('Download complete');
  progress.count('Extracting', descriptor.size, descriptor.size);
  // A blob that was verified but did not unpack is tried once more; that failure is the one to show.
  return (await unpacking) ?? (await unpackStored(context, layer, fetch));
};

/** Makes a layer present: fetches its blob unless it is stored, unpacks it unless it is there. */
export const fetchLayer = async (
  context: Context,
  layer: LayerToFetch,
  fetch: LayerFetch,
): Promise<LayerInfo> => {
  const { descriptor, diffId } = layer;
  const progress = layerProgress(fetch.emit, shortId(descriptor.digest));
  if (layerCompression(descriptor.mediaType) === undefined) {
    throw libraryErrors.unknownLayerType({ mediaType: descriptor.mediaType });
  }
  await fetch.lease.protect('layer', diffId);
  await fetch.lease.protect('blob', descriptor.digest);
  const present = context.layers.info(diffId);
  if (present !== undefined) {
    progress.state('Already exists');
    // A layer may outlive the end of its own download, which nobody will resume.
    if (await context.downloads.giveUp(descriptor.digest)) await context.collect();
    return present;
  }
  progress.state('Pulling fs layer');
  const stored = context.store.blobs.stat(descriptor.digest) !== undefined;
  if (stored) progress.state('Download complete');
  const info = stored
    ? await unpackStored(context, layer, fetch)
    : await transfer(context, layer, fetch, progress);
  progress.state('Pull complete');
  return info;
};
