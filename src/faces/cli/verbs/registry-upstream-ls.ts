import { binarySize, flagTable } from '#console';
import { defineCommand } from '../command.ts';
import { registryCalls, registryFlags } from '../registry-call.ts';
import { listFlags, showList, timeText } from '../registry-rows.ts';

interface Upstream {
  readonly prefix: string;
  readonly url: string;
  readonly hits: number;
  readonly misses: number;
  readonly stale: number;
  readonly failures: number;
  readonly fetchedBytes: number;
  readonly fetching: number;
  readonly pausedUntilMs?: number;
  readonly lastError?: string;
  readonly cached: { readonly repositories: number; readonly manifests: number; readonly bytes: number };
}

const stateOf = ({ pausedUntilMs, lastError }: Upstream): string => {
  if (pausedUntilMs !== undefined) return `left alone until ${timeText(pausedUntilMs)}: ${lastError ?? ''}`;
  return lastError === undefined ? 'ok' : `ok, last error: ${lastError}`;
};

export const command = defineCommand({
  name: 'registry upstream ls',
  operands: '[OPTIONS]',
  summary: 'List the registries that are served through this one: what is kept of them, hits, misses, bytes',
  flags: flagTable({ ...registryFlags, ...listFlags }),
  args: [0, 0],
  async run(cli, { flags }) {
    const registry = await registryCalls(cli, flags);
    const { upstreams } = await registry.json<{ readonly upstreams: readonly Upstream[] }>({
      method: 'GET',
      path: '/upstreams',
    });
    showList(cli, flags, {
      items: upstreams,
      row: (upstream) => ({
        Prefix: upstream.prefix,
        URL: upstream.url,
        Repositories: String(upstream.cached.repositories),
        Manifests: String(upstream.cached.manifests),
        Size: binarySize(upstream.cached.bytes),
        Hits: String(upstream.hits),
        Misses: String(upstream.misses),
        Stale: String(upstream.stale),
        Fetched: binarySize(upstream.fetchedBytes),
        State: stateOf(upstream),
      }),
      headings: {
        Prefix: 'PREFIX',
        URL: 'URL',
        Repositories: 'REPOSITORIES',
        Manifests: 'MANIFESTS',
        Size: 'SIZE',
        Hits: 'HITS',
        Misses: 'MISSES',
        Stale: 'STALE',
        Fetched: 'FETCHED',
        State: 'STATE',
      },
    });
    return 0;
  },
});
