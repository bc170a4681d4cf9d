import type { LayerStore } from '#layers';
import type { Library } from '#library';
import type { Descriptor, DiffId } from '#oci';
import type { CacheHit, SolverCache } from '#solver';
import type { StepResult } from './build-cache.ts';
import type { CacheDocument, ExchangedResult } from './document.ts';
import { cacheErrors } from './errors.ts';

type Store = SolverCache<StepResult>['store'];
type Lease = Awaited<ReturnType<Library['lease']>>;

interface Want {
  /** Takes a result that was brought here. */
  readonly store: Store;
  /** For which step it is wanted. */
  readonly step: string | undefined;
}

/** Results that other machines have, by key; their layers are fetched when something needs them. */
export interface ImportedResults {
  lookup(key: string, want: Want): CacheHit<StepResult> | undefined;
  /** Stores what was found of which all layers are here by now. */
  keep(store: Store): Promise<void>;
  /** How a layer travels. */
  descriptorOf(diffId: DiffId): Descriptor | undefined;
}

/** A layer that is to be brought here. */
export interface WantedLayer {
  readonly descriptor: Descriptor;
  readonly diffId: DiffId;
  readonly below: readonly DiffId[];
}

/** A cache of another machine. */
export interface CacheSource {
  readonly document: CacheDocument;
  /** Brings a layer here, verified. */
  fetch(layer: WantedLayer, lease: Lease, signal: AbortSignal): Promise<unknown>;
}

interface ImportDependencies {
  readonly layers: Pick<LayerStore, 'info'>;
  /** Protects what is brought here until the build ends. */
  readonly lease: () => Promise<Lease>;
}

const bring = async (
  { layers, lease }: ImportDependencies,
  source: CacheSource,
  { layers: wanted }: StepResult,
  signal: AbortSignal,
): Promise<void> => {
  const held = await lease();
  for (const [index, diffId] of wanted.entries()) {
    await held.protect('layer', diffId);
    if (layers.info(diffId) !== undefined) continue;
    const descriptor = source.document.layers.get(diffId);
    if (descriptor === undefined) throw cacheErrors.badCache({ reason: `it lacks the layer ${diffId}` });
    await source.fetch({ descriptor, diffId, below: wanted.slice(0, index) }, held, signal);
  }
};

/** Several caches as one; the first that has a key counts. */
export const createImportedResults = (
  dependencies: ImportDependencies,
  sources: readonly CacheSource[],
): ImportedResults => {
  const byKey = new Map<string, { readonly source: CacheSource; readonly found: ExchangedResult }>();
  for (const source of sources)
    for (const found of source.document.results)
      for (const key of [found.key, ...found.aliases]) if (!byKey.has(key)) byKey.set(key, { source, found });
  const obtained = new Map<string, Promise<StepResult>>();
  const asked = new Map<ExchangedResult, string | undefined>();
  const obtain = async (key: string, { store, step }: Want, signal: AbortSignal): Promise<StepResult> => {
    const entry = byKey.get(key);
    if (entry === undefined) throw cacheErrors.badCache({ reason: 'it lacks a result' });
    const { source, found } = entry;
    await bring(dependencies, source, found.result, signal);
    const { own } = found.result;
    const size = own === undefined ? 0 : (dependencies.layers.info(own)?.size ?? 0);
    const result = { ...found.result, size };
    await store({ key: found.key, aliases: found.aliases, result, step });
    return result;
  };
  return {
    lookup(key, want) {
      const found = byKey.get(key)?.found;
      if (found === undefined) return undefined;
      asked.set(found, want.step);
      return {
        result: found.result,
        canonicalKey: found.key,
        obtain(signal) {
          const known = obtained.get(found.key);
          if (known !== undefined) return known;
          const job = obtain(key, want, signal);
          obtained.set(found.key, job);
          return job;
        },
      };
    },
    async keep(store) {
      const here = [...asked].filter(
        ([{ key, result }]) =>
          !obtained.has(key) &&
          result.layers.every((diffId) => dependencies.layers.info(diffId) !== undefined),
      );
      for (const [found, step] of here) await store({ ...found, step });
      asked.clear();
    },
    descriptorOf(diffId) {
      for (const { document } of sources) {
        const descriptor = document.layers.get(diffId);
        if (descriptor !== undefined) return descriptor;
      }
      return undefined;
    },
  };
};
