import type { CachedManifest } from '#metadata';
import type { RegistryStorage } from '#protocol';
import type { Upstream } from './upstream.ts';

const EVERY_MS = 10 * 60_000;
const BATCH = 50;
const CAUSE = { actor: 'system:upstreams' } as const;

/** Keeps what came from upstreams within the limits of their settings. */
export interface Trimming extends AsyncDisposable {
  /** Answers how many manifests went. Their bytes follow with the next collection. */
  run(signal?: AbortSignal): Promise<number>;
}

export interface TrimmingOptions {
  readonly upstreams: readonly Upstream[];
  /** Whether the repository's content comes from there. */
  readonly belongs: (repository: string, upstream: Upstream) => boolean;
}

export const startTrimming = (
  storage: RegistryStorage,
  { upstreams, belongs }: TrimmingOptions,
): Trimming => {
  const { contents, upstreamRecords: records } = storage.metadata;
  const stop = new AbortController();

  const remove = async ({ repository, digest, mediaType, size }: CachedManifest): Promise<boolean> =>
    contents.removeManifest({
      repository,
      target: { digest, mediaType, size },
      cause: CAUSE,
      reason: 'retention',
    });

  /** Removes what is unused since then, the longest unused first, while `goOn` says so; never what was pushed here. */
  const shrink = async (upstream: Upstream, beforeMs: number, goOn: () => boolean): Promise<number> => {
    const { prefix } = upstream.settings;
    let removed = 0;
    for (let offset = 0; ;) {
      const batch = records.leastUsed(prefix, { limit: BATCH, beforeMs, offset });
      for (const manifest of batch) {
        if (stop.signal.aborted || !goOn()) return removed;
        if (belongs(manifest.repository, upstream) && (await remove(manifest))) removed += 1;
        else offset += 1;
      }
      if (batch.length < BATCH) return removed;
    }
  };

  const trim = async (upstream: Upstream): Promise<number> => {
    const { prefix, keepBytes, keepUnused } = upstream.settings;
    const now = Date.now();
    const old = keepUnused === undefined ? 0 : await shrink(upstream, now - keepUnused, () => true);
    if (keepBytes === undefined) return old;
    return old + (await shrink(upstream, now, () => records.neededBytes(prefix) > keepBytes));
  };

  const run = async (signal?: AbortSignal): Promise<number> => {
    let removed = 0;
    for (const upstream of upstreams) {
      signal?.throwIfAborted();
      removed += await trim(upstream);
    }
    return removed;
  };
  const limited = upstreams.some(
    ({ settings }) => settings.keepBytes !== undefined || settings.keepUnused !== undefined,
  );
  let last: Promise<unknown> = Promise.resolve();
  const timer = limited ? setInterval(() => void (last = run().catch(() => undefined)), EVERY_MS) : undefined;
  timer?.unref();
  return {
    run,
    [Symbol.asyncDispose]: async () => {
      clearInterval(timer);
      stop.abort();
      await last;
    },
  };
};
