import type { CacheMountAnswer } from '#api';
import type { DockerClient } from '#client';
import { goTime, humanSize, type Row } from '#console';
import { humanDuration } from '#units';

export const listCaches = (client: DockerClient): Promise<readonly CacheMountAnswer[]> =>
  client.json<readonly CacheMountAnswer[]>({ method: 'GET', path: '/lade/v1/caches' });

export const CACHE_HEADINGS = {
  ID: 'ID',
  Key: 'KEY',
  Size: 'SIZE',
  Sharing: 'SHARING',
  Uses: 'USES',
  LastUsed: 'LAST USED',
  UsedAt: 'USED AT',
  CreatedAt: 'CREATED AT',
  InUse: 'IN USE',
};

const SHORT_KEY = 12;

const millis = (time: string): number => new Date(time).getTime();

/** Further copies of a private cache, and caches that began with files, have a mark after their id. */
const markOf = ({ number, seeded }: CacheMountAnswer): string =>
  `${seeded ? ' (seeded)' : ''}${number > 0 ? ` #${number}` : ''}`;

export const cacheRow = (cache: CacheMountAnswer, truncate: boolean): Row => ({
  ID: cache.id + (truncate ? markOf(cache) : ''),
  Key: truncate ? cache.key.slice(0, SHORT_KEY) : cache.key,
  Size: humanSize(cache.sizeBytes, 3),
  Sharing: cache.sharing,
  Uses: String(cache.uses),
  LastUsed: `${humanDuration(Date.now() - millis(cache.usedAt))} ago`,
  UsedAt: goTime(millis(cache.usedAt) / 1000),
  CreatedAt: goTime(millis(cache.createdAt) / 1000),
  InUse: String(cache.inUse),
});

/** Whether a word names a file rather than a place in a registry: a path, an archive, or something that is there. */
export const isFileWord = (word: string, exists: (path: string) => boolean): boolean =>
  word === '-' || /^[./~]/u.test(word) || /\.(?:tar|tgz|tar\.\w+)$/u.test(word) || exists(word);
