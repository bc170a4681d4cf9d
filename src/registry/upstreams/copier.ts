import { isLadeError, toLadeError } from '#errors';
import { readManifest, type ManifestFacts } from '#metadata';
import type { Digest } from '#oci';
import type { RegistryStorage } from '#protocol';
import { createSingleFlight } from './single-flight.ts';
import type { TransferEvent, TransferOptions, TransferTotals } from './transfer-types.ts';

const PARALLEL = 4;
/** Indexes in indexes; nobody has more than two. */
const DEEPEST = 8;

/** Where content of one repository is brought from. */
export interface ContentSource {
  /** Undefined when it is not there. The bytes have the digest. */
  manifest(digest: Digest): Promise<SourceManifest | undefined>;
  /**
   * Brings a blob here; what it answers makes a blob of it, verified, and gives its bytes. Undefined when it is not there.
   */
  bring(digest: Digest): Promise<(() => Promise<number>) | undefined>;
  /** Digests of manifests about this one. */
  referrers?(digest: Digest): Promise<readonly Digest[]>;
}

export interface SourceManifest {
  readonly bytes: Buffer;
  readonly mediaType: string;
}

/** Copies manifests with all they name into repositories here; what is there stays. */
export interface Copier {
  readonly totals: TransferTotals;
  tell(event: TransferEvent): void;
  /** Whether the manifest and everything it names is there now; false where the source lacks some of it. */
  copy(repository: string, digest: Digest, source: ContentSource): Promise<boolean>;
  /** Points a tag to a manifest that is here. */
  tag(
    repository: string,
    wanted: { readonly tag: string; readonly digest: Digest },
    move: boolean,
  ): Promise<void>;
  /** Runs a part whose failure does not end the whole. */
  attempt(repository: string, work: () => Promise<void>): Promise<void>;
}

/** Some at a time; the first failure counts, when all have ended. */
export const inParallel = async <T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> => {
  const left = [...items];
  const lane = async (): Promise<void> => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) await work(item);
  };
  const lanes = await Promise.allSettled(Array.from({ length: Math.min(PARALLEL, items.length) }, lane));
  for (const each of lanes) if (each.status === 'rejected') throw each.reason;
};

const emptyTotals = (): TransferTotals => ({
  repositories: 0,
  tags: 0,
  manifests: 0,
  blobs: 0,
  bytes: 0,
  present: 0,
  warnings: 0,
  failures: 0,
});

export const createCopier = (storage: RegistryStorage, options: TransferOptions): Copier => {
  const { contents } = storage.metadata;
  const { cause, signal } = options;
  const totals = emptyTotals();
  const done = new Map<string, Promise<boolean>>();

  const tell = (event: TransferEvent): void => {
    if (event.kind === 'repository') totals.repositories += 1;
    if (event.kind === 'warning') totals.warnings += 1;
    if (event.kind === 'failure') totals.failures += 1;
    options.emit(event);
  };

  const link = (repository: string, digest: Digest): Promise<boolean> =>
    storage.locks.run(digest, async () => {
      const found = await storage.blobs.stat(digest);
      if (found === undefined) return false;
      await contents.linkBlob({ repository, digest, size: found.size, how: 'push', cause });
      return true;
    });

  const copyBlobNow = async (repository: string, digest: Digest, source: ContentSource): Promise<boolean> => {
    signal.throwIfAborted();
    if (contents.linkedBlob(repository, digest) !== undefined) {
      totals.present += 1;
      return true;
    }
    if (contents.hasBlob(digest) && (await link(repository, digest))) {
      totals.present += 1;
      return true;
    }
    const publish = await source.bring(digest);
    if (publish === undefined) return false;
    const bytes = await storage.locks.run(digest, async () => {
      const size = await publish();
      await contents.linkBlob({ repository, digest, size, how: 'push', cause });
      return size;
    });
    totals.blobs += 1;
    totals.bytes += bytes;
    tell({ kind: 'blob', repository, digest, bytes });
    return true;
  };

  const flights = createSingleFlight<boolean>();
  const copyBlob = (repository: string, digest: Digest, source: ContentSource): Promise<boolean> =>
    flights(`${repository}@${digest}`, () => copyBlobNow(repository, digest, source));

  const missing = (repository: string, what: string, digest: Digest): void =>
    tell({ kind: 'warning', message: `${repository}: ${what} ${digest} is not there` });

  interface Wish {
    readonly repository: string;
    readonly digest: Digest;
    readonly source: ContentSource;
    readonly depth: number;
  }

  const copyBlobs = async ({ repository, source }: Wish, facts: ManifestFacts): Promise<boolean> => {
    let whole = true;
    const required = new Set(facts.blobs);
    await inParallel([...facts.blobs, ...facts.optionalBlobs], async (digest) => {
      if ((await copyBlob(repository, digest, source)) || !required.has(digest)) return;
      whole = false;
      missing(repository, 'blob', digest);
    });
    return whole;
  };

  const copyReferrers = async ({ repository, digest, source, depth }: Wish): Promise<void> => {
    for (const referrer of (await source.referrers?.(digest)) ?? [])
      await copyOnce({ repository, digest: referrer, source, depth: depth + 1 });
  };

  const copyOne = async (wish: Wish): Promise<boolean> => {
    const { repository, digest, source, depth } = wish;
    signal.throwIfAborted();
    const here = contents.manifest(repository, digest);
    const manifest = here ?? (await source.manifest(digest));
    if (manifest === undefined) return false;
    const { bytes, mediaType } = manifest;
    const facts = readManifest(bytes, mediaType);
    for (const child of depth < DEEPEST ? facts.manifests : [])
      if (!(await copyOnce({ ...wish, digest: child, depth: depth + 1 })))
        missing(repository, 'manifest', child);
    if (!(await copyBlobs(wish, facts))) return false;
    if (here === undefined) {
      await contents.putManifest({ repository, digest, bytes, facts, tags: [], cause });
      totals.manifests += 1;
    } else totals.present += 1;
    await copyReferrers(wish);
    return true;
  };

  const copyOnce = (wish: Wish): Promise<boolean> => {
    const key = `${wish.repository}@${wish.digest}`;
    const known = done.get(key);
    if (known !== undefined) return wish.depth === 0 ? known : Promise.race([known, Promise.resolve(true)]);
    const made = copyOne(wish);
    done.set(key, made);
    return made;
  };

  const tag: Copier['tag'] = async (repository, { tag: name, digest }, move) => {
    const now = contents.tagged(repository, name);
    const state = now === digest ? 'present' : now === undefined || move ? 'set' : 'kept';
    const manifest = state === 'set' ? contents.manifest(repository, digest) : undefined;
    if (manifest !== undefined) {
      const facts = readManifest(manifest.bytes, manifest.mediaType);
      await contents.putManifest({ repository, digest, bytes: manifest.bytes, facts, tags: [name], cause });
      totals.tags += 1;
    }
    tell({ kind: 'tag', repository, tag: name, digest, state });
  };

  return {
    totals,
    tell,
    tag,
    copy: (repository, digest, source) => copyOnce({ repository, digest, source, depth: 0 }),
    attempt: async (repository, work) => {
      try {
        await work();
      } catch (error) {
        if (signal.aborted || isLadeError(error, 'internal')) throw error;
        tell({ kind: 'failure', repository, message: toLadeError(error).message });
      }
    },
  };
};
