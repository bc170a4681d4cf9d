import type { SolveEvent, Vertex } from '#solver';
import type { StepResult } from './build-cache.ts';
import { exportCache, inlineCache } from './export.ts';
import { openImports, type CacheImport } from './import.ts';
import type { ImportedResults } from './imported-results.ts';
import { createCacheRecorder } from './recorder.ts';
import type { CacheSpec } from './types.ts';

type Targets = readonly Vertex<StepResult>[];

/** What goes to and comes from caches elsewhere in one build. */
export interface CacheExchange {
  /** Of `--cache-from`. */
  readonly imported: Promise<ImportedResults> | undefined;
  /** Takes what the solver tells, for `--cache-to`. */
  record(event: SolveEvent<StepResult>): void;
  /** The results that `targets` are made of, for the configuration of their image, where `--cache-to type=inline` is given. */
  inlineOf(targets: Targets): string | undefined;
  /**
   * Writes the caches that `--cache-to` names.
   *
   * @throws `BUILDER_CACHE_NOT_WRITTEN`
   */
  write(targets: Targets): Promise<void>;
}

interface ExchangeDependencies extends CacheImport {
  readonly request: CacheImport['request'] & { readonly cacheTo?: readonly CacheSpec[] | undefined };
}

/** Begins to read what `--cache-from` names. */
export const openExchange = (dependencies: ExchangeDependencies): CacheExchange => {
  const { cacheTo = [] } = dependencies.request;
  const imported = openImports(dependencies);
  const recorder = cacheTo.length > 0 ? createCacheRecorder() : undefined;
  return {
    imported,
    record: (event) => recorder?.add(event),
    inlineOf(targets) {
      if (recorder === undefined || !cacheTo.some(({ kind }) => kind === 'inline')) return undefined;
      return inlineCache(recorder.results('min', targets));
    },
    async write(targets) {
      const known = await imported;
      for (const spec of cacheTo) {
        if (spec.kind === 'inline') continue;
        const results = recorder?.results(spec.mode, targets) ?? [];
        await exportCache({ ...dependencies, imported: known }, spec, results);
      }
    },
  };
};
