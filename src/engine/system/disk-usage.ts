import type { ContainerSummary, VolumeInspect } from '#engine';
import type { LibraryUsage } from '#library';
import type { BudgetUse, DiskUsage, UsageLine } from './types.ts';

const sum = (sizes: readonly number[]): number => sizes.reduce((total, size) => total + size, 0);

const imageLine = ({ images, layersSize }: LibraryUsage): UsageLine => {
  const active = images.filter((image) => image.holders.length > 0);
  const inUse = sum(active.map((image) => image.size));
  return {
    count: images.length,
    active: active.length,
    bytes: layersSize,
    reclaimable: Math.max(0, layersSize - inUse),
  };
};

const LIVE: ReadonlySet<string> = new Set(['running', 'paused', 'restarting']);

const containerLine = (containers: readonly ContainerSummary[]): UsageLine => {
  const live = containers.filter((container) => LIVE.has(container.State));
  const bytes = sum(containers.map((container) => container.SizeRw ?? 0));
  return {
    count: containers.length,
    active: live.length,
    bytes,
    reclaimable: bytes - sum(live.map((container) => container.SizeRw ?? 0)),
  };
};

const volumeLine = (volumes: readonly VolumeInspect[]): UsageLine => {
  const used = volumes.filter((volume) => (volume.UsageData?.RefCount ?? 0) > 0);
  const bytes = sum(volumes.map((volume) => volume.UsageData?.Size ?? 0));
  return {
    count: volumes.length,
    active: used.length,
    bytes,
    reclaimable: bytes - sum(used.map((volume) => volume.UsageData?.Size ?? 0)),
  };
};

export interface UsageFacts {
  readonly library: LibraryUsage;
  /** With their sizes. */
  readonly containers: readonly ContainerSummary[];
  readonly volumes: readonly VolumeInspect[];
  readonly buildCache: { readonly records: number; readonly bytes: number };
  /** How many deletions can be undone. */
  readonly deletions: number;
  readonly budget?: BudgetUse | undefined;
}

/** `docker system df` from what the rooms say. Each layer is counted once, however many images have it. */
export const diskUsageOf = ({
  library,
  containers,
  volumes,
  buildCache,
  deletions,
  budget,
}: UsageFacts): DiskUsage => ({
  images: imageLine(library),
  containers: containerLine(containers),
  volumes: volumeLine(volumes),
  buildCache: {
    count: buildCache.records,
    active: 0,
    bytes: buildCache.bytes,
    reclaimable: buildCache.bytes,
  },
  transferred: { bytes: library.blobsSize },
  undo: { count: deletions, bytes: library.undoSize },
  budget,
});
