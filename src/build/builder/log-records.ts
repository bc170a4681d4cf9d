import type { CacheRecord, CacheLogs } from '#cache';
import type { OpenHistory } from '#history';

const recordsOf = (history: OpenHistory): readonly CacheRecord[] =>
  history.list().map((build) => ({
    id: build.id,
    kind: 'log',
    description: `log of ${build.tags[0] ?? build.context}`,
    bytes: build.logBytes,
    shared: false,
    inUse: build.status === 'running',
    createdAt: new Date(build.startedAt),
    usedAt: new Date(build.endedAt ?? Date.now()),
    uses: 0,
  }));

/** What the history keeps on disk, among what the build cache does. */
export const logRecords = (history: OpenHistory): CacheLogs => ({
  records: () => recordsOf(history),
  remove: (id) => history.remove(id),
});
