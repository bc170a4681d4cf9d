import type { ImageRecord } from '#store';
import { diffConfigs } from './config-diff.ts';
import type { Context } from './context.ts';
import type { DiffedImage, DiffedLayer, DiffRequest, ImageDiff } from './diff-types.ts';
import { prepareImage } from './prepare.ts';
import type { ImageView } from './types.ts';

const imageOf = ({ id, tags, size }: ImageView): DiffedImage => ({ id, tags, size });

const layersFrom = ({ diffIds, layerSizes }: ImageRecord, first: number): readonly DiffedLayer[] =>
  diffIds
    .map((diffId, index) => ({ diffId, size: layerSizes[index] ?? 0 }))
    .filter((_, index) => index >= first);

const commonLayers = (before: ImageRecord, after: ImageRecord): number => {
  const differs = before.diffIds.findIndex((diffId, index) => diffId !== after.diffIds[index]);
  return differs < 0 ? before.diffIds.length : differs;
};

/** In what two images differ. Layers of one that was never unpacked are; nothing is mounted. */
export const diffImages = async (context: Context, request: DiffRequest): Promise<ImageDiff> => {
  const { platform, signal, paths, times } = request;
  const [before, after] = [
    await prepareImage(context, request.before, { platform, signal }),
    await prepareImage(context, request.after, { platform, signal }),
  ];
  const common = commonLayers(before.record, after.record);
  return {
    before: imageOf(before),
    after: imageOf(after),
    config: diffConfigs(before.config, after.config),
    layers: {
      common,
      removed: layersFrom(before.record, common),
      added: layersFrom(after.record, common),
    },
    files: context.layers.compare({
      before: before.record.diffIds,
      after: after.record.diffIds,
      paths,
      times,
      signal,
    }),
  };
};
