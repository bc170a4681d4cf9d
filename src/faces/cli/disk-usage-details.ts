import type { BuildCacheAnswer, DiskUsageAnswer } from '#api';
import { formatRows, goTime, humanSize, shortId, type Row } from '#console';
import { humanDuration } from '#units';
import { CONTAINER_HEADINGS, containerRow } from './container-rows.ts';
import { cacheBytes } from './disk-usage.ts';
import { IMAGE_HEADINGS, imageRow, namesOf } from './image-rows.ts';
import { VOLUME_HEADINGS, volumeRow } from './volume-rows.ts';

const CACHE_HEADINGS = {
  ID: 'CACHE ID',
  CacheType: 'CACHE TYPE',
  Size: 'SIZE',
  CreatedSince: 'CREATED',
  LastUsedSince: 'LAST USED',
  UsageCount: 'USAGE',
  InUse: 'IN USE',
  Shared: 'SHARED',
  Description: 'DESCRIPTION',
  Parent: 'PARENT',
};

const since = (time: string | null): string =>
  time === null ? '' : `${humanDuration(Date.now() - Date.parse(time))} ago`;

const cacheRow = (record: BuildCacheAnswer): Row => ({
  CacheType: record.Type,
  CreatedAt: goTime(Date.parse(record.CreatedAt) / 1000),
  CreatedSince: since(record.CreatedAt),
  Description: record.Description,
  ID: shortId(record.ID) + (record.InUse ? '*' : ''),
  InUse: String(record.InUse),
  LastUsedAt: record.LastUsedAt ?? '',
  LastUsedSince: since(record.LastUsedAt),
  Parent: '',
  Shared: String(record.Shared),
  Size: humanSize(record.Size, 3),
  UsageCount: String(record.UsageCount),
});

interface Details {
  readonly Images: readonly Row[];
  readonly Containers: readonly Row[];
  readonly Volumes: readonly Row[];
  readonly BuildCache: readonly Row[];
}

/** What `system df -v` shows, by kind. */
export const detailRows = (usage: DiskUsageAnswer): Details => ({
  Images: usage.Images.flatMap((image) =>
    namesOf(image, { digests: false, everyDigest: false })
      .slice(0, 1)
      .map((name) => imageRow(image, name, true)),
  ),
  Containers: usage.Containers.map((container) => containerRow({ ...container, SizeRootFs: 0 }, true)),
  Volumes: usage.Volumes.map(volumeRow),
  BuildCache: (usage.BuildCache ?? []).map(cacheRow),
});

const table = (
  rows: readonly Row[],
  format: string,
  at: { headings: Readonly<Record<string, string>>; terminal: boolean },
) => formatRows(rows, { format, ...at });

/** The four tables of `system df -v`. */
export const detailTables = (usage: DiskUsageAnswer, terminal: boolean): string => {
  const details = detailRows(usage);
  const images =
    'table {{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}\t{{.SharedSize}}\t{{.UniqueSize}}\t{{.Containers}}';
  const containers =
    'table {{.ID}}\t{{.Image}}\t{{.Command}}\t{{.LocalVolumes}}\t{{.Size}}\t{{.RunningFor}}\t{{.Status}}\t{{.Names}}';
  const cache =
    'table {{.ID}}\t{{.CacheType}}\t{{.Size}}\t{{.CreatedSince}}\t{{.LastUsedSince}}\t{{.UsageCount}}\t{{.Shared}}';
  return [
    'Images space usage:\n\n',
    table(details.Images, images, { headings: IMAGE_HEADINGS, terminal }),
    '\nContainers space usage:\n\n',
    table(details.Containers, containers, { headings: CONTAINER_HEADINGS, terminal }),
    '\nLocal Volumes space usage:\n\n',
    table(details.Volumes, 'table {{.Name}}\t{{.Links}}\t{{.Size}}', { headings: VOLUME_HEADINGS, terminal }),
    `\nBuild cache usage: ${humanSize(cacheBytes(usage))}\n\n`,
    table(details.BuildCache, cache, { headings: CACHE_HEADINGS, terminal }),
  ].join('');
};
