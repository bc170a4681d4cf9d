import type { Emit } from '#events';
import type { ImageConfig } from '#oci';
import { exportCache, inlineCache } from './cache-export.ts';
import { openImports, type CacheImport } from './cache-import.ts';
import { createCacheRecorder, type CacheRecorder } from './cache-recorder.ts';
import type { BuildTools } from './draft.ts';
import type { ImportedResults } from './imported-results.ts';
import type { SolvedLane } from './run-graph.ts';
import type { BuildEvent, BuildRequest } from './types.ts';

/** What goes to and comes from caches elsewhere in one build. */
export interface CacheExchange {
  /** Of `--cache-from`. */
  readonly imported: Promise<ImportedResults> | undefined;
  /** For `--cache-to`. */
  readonly recorder: CacheRecorder | undefined;
  readonly inline: boolean;
}

/** Begins to read what `--cache-from` names. */
export const openExchange = (
  dependencies: Omit<CacheImport, 'request'> & { readonly request: BuildRequest },
): CacheExchange => {
  const { cacheTo = [] } = dependencies.request;
  return {
    imported: openImports(dependencies),
    recorder: cacheTo.length > 0 ? createCacheRecorder() : undefined,
    inline: cacheTo.some(({ kind }) => kind === 'inline'),
  };
};

const targetsOf = (solved: readonly SolvedLane[]) =>
  solved.flatMap(({ lane, graph }) => graph.ends.get(lane.draft.outline.target.index) ?? []);

/** The configuration with the results that the image is made of, where `--cache-to type=inline` is given. */
export const withInlineCache = (
  { recorder, inline }: CacheExchange,
  solved: SolvedLane,
  config: ImageConfig,
): ImageConfig => {
  const results = inline ? recorder?.results('min', targetsOf([solved])) : undefined;
  return results === undefined ? config : { ...config, buildCache: inlineCache(results) };
};

/**
 * Writes the caches that `--cache-to` names.
 *
 * @throws `BUILDER_CACHE_NOT_WRITTEN`
 */
export const exportCaches = async (
  { library, layers, exchange }: BuildTools,
  build: {
    readonly request: BuildRequest;
    readonly solved: readonly SolvedLane[];
    readonly emit: Emit<BuildEvent>;
  },
): Promise<void> => {
  const { request, solved, emit } = build;
  const imported = await exchange.imported;
  for (const spec of request.cacheTo ?? []) {
    if (spec.kind === 'inline') continue;
    const results = exchange.recorder?.results(spec.mode, targetsOf(solved)) ?? [];
    await exportCache({ library, layers, request, imported, emit }, spec, results);
  }
};
