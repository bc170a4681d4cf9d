import { basename } from 'node:path';
import { rename } from 'node:fs/promises';
import { isLadeError, toLadeError } from '#errors';
import { hexOf, type DiffId, type Digest, layerCompression } from '#oci';
import type { CheckFinding, Fault, SystemParts } from './types.ts';

type Parts = Pick<SystemParts, 'store' | 'layers' | 'library' | 'root'>;

export interface Outcome {
  readonly result: NonNullable<CheckFinding['repair']>;
  /** What was done, for people. */
  readonly what: string;
}

const layersOfBlob = ({ store, layers }: Parts, digest: Digest): readonly DiffId[] =>
  layers
    .list()
    .map(({ diffId }) => diffId)
    .filter((diffId) => store.images.layerBlobs(diffId).some((blob) => blob.digest === digest));

const repairBlob = async (
  parts: Parts,
  digest: Digest,
  signal: AbortSignal | undefined,
): Promise<Outcome> => {
  const { store, library } = parts;
  if (await library.refetch(digest, { signal })) return { result: 'repaired', what: 'fetched again' };
  const layers = layersOfBlob(parts, digest);
  for (const diffId of layers)
    if (await library.recompress(diffId, digest, { signal }))
      return { result: 'repaired', what: 'compressed again from its layer' };
  const place = await store.space.quarantineBlob(digest);
  const where = place === undefined ? 'forgotten' : `moved to ${place}`;
  const loss =
    layers.length > 0
      ? 'its layer is whole, and pushing compresses it anew'
      : 'remove the images that need it, and pull or build them again';
  return { result: 'quarantined', what: `no registry gave it; ${where}; ${loss}` };
};

/** Unpacks the layer again from one of its compressed forms, which is fetched again where it is damaged too. */
const unpackAgain = async (
  parts: Parts,
  diffId: DiffId,
  signal: AbortSignal | undefined,
): Promise<boolean> => {
  const { store, layers, library } = parts;
  const fromBlobs = async (): Promise<boolean> => {
    for (const { digest, mediaType } of store.images.layerBlobs(diffId)) {
      if (layerCompression(mediaType) === undefined) continue;
      const into = await store.space.quarantinePlace(`layer-${hexOf(diffId)}`);
      const unpack = (): Promise<void> =>
        layers.replace(diffId, { kind: 'file', path: store.blobs.path(digest), compression: 'auto' }, into);
      try {
        await unpack();
      } catch {
        if (!(await library.refetch(digest, { signal }))) continue;
        await unpack();
      }
      await store.space.discard(into);
      return true;
    }
    return false;
  };
  if (await fromBlobs()) return true;
  const owner = store.images.list().find((record) => record.diffIds.includes(diffId));
  if (owner === undefined || !(await library.fetchLayers(owner.id, { signal }))) return false;
  return await fromBlobs();
};

const repairLayer = async (
  parts: Parts,
  diffId: DiffId,
  signal: AbortSignal | undefined,
): Promise<Outcome> => {
  if (await unpackAgain(parts, diffId, signal))
    return {
      result: 'repaired',
      what: 'unpacked again; containers that run keep the old one until they start again',
    };
  const place = await parts.store.space.quarantinePlace(`layer-${hexOf(diffId)}`);
  try {
    await parts.layers.remove(diffId, place);
  } catch (error) {
    if (!isLadeError(error, 'conflict')) throw error;
    return { result: 'failed', what: `nothing has it, and ${toLadeError(error).message}: remove that first` };
  }
  return {
    result: 'quarantined',
    what: `nothing has it; moved to ${place}; remove the images that need it, and pull or build them again`,
  };
};

const repairFile = async (parts: Parts, path: string): Promise<Outcome> => {
  const place = await parts.store.space.quarantinePlace(`file-${basename(path)}`);
  await rename(path, place);
  return { result: 'repaired', what: `moved to ${place}` };
};

/** Mends one fault, or puts what is damaged out of the way; a failure is told, not thrown. */
export const repair = async (
  parts: Parts,
  fault: Fault,
  signal: AbortSignal | undefined,
): Promise<Outcome> => {
  try {
    switch (fault.kind) {
      case 'blob':
        return await repairBlob(parts, fault.digest, signal);
      case 'layer':
        return await repairLayer(parts, fault.digest, signal);
      case 'index':
        await parts.layers.remakeForms(fault.digest);
        return { result: 'repaired', what: 'made again from its tar' };
      case 'image':
        return (await parts.library.complete(fault.digest, { signal }))
          ? { result: 'repaired', what: 'fetched or made again' }
          : { result: 'failed', what: 'no registry gave it: remove the image, and pull or build it again' };
      case 'file':
        return await repairFile(parts, fault.detail);
      case 'record':
        break;
    }
    return { result: 'failed', what: 'restore the database from a backup, or begin with an empty root' };
  } catch (error) {
    signal?.throwIfAborted();
    return { result: 'failed', what: toLadeError(error).message };
  }
};
