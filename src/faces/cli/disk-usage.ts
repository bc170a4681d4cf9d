import type { DiskUsageAnswer } from '#api';
import { humanSize, type Row } from '#console';

export const SUMMARY_TABLE = 'table {{.Type}}\t{{.TotalCount}}\t{{.Active}}\t{{.Size}}\t{{.Reclaimable}}';

export const SUMMARY_HEADINGS = {
  Type: 'TYPE',
  TotalCount: 'TOTAL',
  Active: 'ACTIVE',
  Size: 'SIZE',
  Reclaimable: 'RECLAIMABLE',
};

interface Totals {
  readonly type: string;
  readonly count: number;
  readonly active: number;
  readonly size: number;
  readonly reclaimable: number;
  readonly percent: boolean;
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, value) => total + value, 0);

const imageTotals = (usage: DiskUsageAnswer): Totals => {
  const used = usage.Images.filter((image) => image.Containers > 0);
  const usedBytes = sum(
    used.map((image) => (image.Size === -1 || image.SharedSize === -1 ? 0 : image.Size - image.SharedSize)),
  );
  return {
    type: 'Images',
    count: usage.Images.length,
    active: used.length,
    size: usage.LayersSize,
    reclaimable: Math.max(0, usage.LayersSize - usedBytes),
    percent: true,
  };
};

const ALIVE: ReadonlySet<string> = new Set(['running', 'paused', 'restarting']);

const containerTotals = (usage: DiskUsageAnswer): Totals => {
  const idle = usage.Containers.filter((container) => !ALIVE.has(container.State));
  return {
    type: 'Containers',
    count: usage.Containers.length,
    active: usage.Containers.length - idle.length,
    size: sum(usage.Containers.map((container) => container.SizeRw ?? 0)),
    reclaimable: sum(idle.map((container) => container.SizeRw ?? 0)),
    percent: true,
  };
};

const volumeTotals = (usage: DiskUsageAnswer): Totals => {
  const bytes = (volumes: DiskUsageAnswer['Volumes']): number =>
    sum(volumes.map((volume) => Math.max(0, volume.UsageData?.Size ?? 0)));
  const idle = usage.Volumes.filter((volume) => (volume.UsageData?.RefCount ?? 0) === 0);
  return {
    type: 'Local Volumes',
    count: usage.Volumes.length,
    active: usage.Volumes.length - idle.length,
    size: bytes(usage.Volumes),
    reclaimable: bytes(idle),
    percent: true,
  };
};

/** Bytes of the build cache; what is shared with images is counted there. */
export const cacheBytes = (usage: DiskUsageAnswer): number =>
  sum((usage.BuildCache ?? []).map((record) => (record.Shared ? 0 : record.Size)));

const cacheTotals = (usage: DiskUsageAnswer): Totals => {
  const records = usage.BuildCache ?? [];
  const inUse = records.filter((record) => record.InUse);
  return {
    type: 'Build Cache',
    count: records.length,
    active: inUse.length,
    size: cacheBytes(usage),
    reclaimable: cacheBytes(usage) - sum(inUse.map((record) => (record.Shared ? 0 : record.Size))),
    percent: false,
  };
};

const toRow = (totals: Totals): Row => {
  const share =
    totals.percent && totals.size > 0 ? ` (${Math.trunc((totals.reclaimable * 100) / totals.size)}%)` : '';
  return {
    Active: String(totals.active),
    Reclaimable: humanSize(totals.reclaimable) + share,
    Size: humanSize(totals.size),
    TotalCount: String(totals.count),
    Type: totals.type,
  };
};

/** The four lines of `system df`. */
export const summaryRows = (usage: DiskUsageAnswer): readonly Row[] =>
  [imageTotals(usage), containerTotals(usage), volumeTotals(usage), cacheTotals(usage)].map(toRow);
