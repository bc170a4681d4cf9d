import type { UpstreamActivity } from '#upstreams';
import type { Family } from './exposition.ts';

/** How the registries behind this one do. */
export const upstreamFamilies = (upstreams: readonly UpstreamActivity[]): readonly Family[] => {
  const family = (
    name: string,
    { help, type = 'counter' }: { readonly help: string; readonly type?: Family['type'] },
    value: (activity: UpstreamActivity) => number,
  ): Family => ({
    name: `lade_registry_upstream_${name}`,
    help,
    type,
    samples: upstreams.map((activity) => ({ labels: { upstream: activity.prefix }, value: value(activity) })),
  });
  return [
    family('hits_total', { help: 'Manifests and blobs that were here.' }, ({ hits }) => hits),
    family('misses_total', { help: 'Manifests and blobs that were asked for.' }, ({ misses }) => misses),
    family('stale_total', { help: 'Tags served without being able to ask.' }, ({ stale }) => stale),
    family('failures_total', { help: 'Requests that failed.' }, ({ failures }) => failures),
    family('fetched_bytes_total', { help: 'Bytes fetched.' }, ({ fetchedBytes }) => fetchedBytes),
    family('fetching', { help: 'Blobs on their way.', type: 'gauge' }, ({ fetching }) => fetching),
    family('up', { help: '0 while it is left alone after a failure.', type: 'gauge' }, (activity) =>
      activity.pausedUntilMs === undefined ? 1 : 0,
    ),
  ];
};
