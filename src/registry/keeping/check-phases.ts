import { hash } from 'node:crypto';
import { setImmediate as breathe } from 'node:timers/promises';
import { readManifest, type Cause, type NeedState } from '#metadata';
import { algorithmOf, hexOf, type Digest } from '#oci';
import type { RegistryStorage } from '#protocol';
import type { Finding } from './check-types.ts';

const PAGE = 200;
/** Manifests read at once, and their bytes: one may have 4 MiB. */
const MANIFESTS = 20;
const MANIFEST_BYTES = 4 * 1024 * 1024;
/** Repositories that a finding names. */
const NAMED = 10;

/** What the parts of a check work with. */
export interface PhaseContext {
  readonly storage: RegistryStorage;
  readonly repair: boolean;
  readonly cause: Cause;
  readonly signal: AbortSignal | undefined;
  /** Files that are younger may belong to a push that runs. */
  readonly strayBeforeMs: number;
  /** Whether blobs of the repository come from an upstream when they are asked for. */
  readonly covers: (repository: string) => boolean;
  readonly pace: (bytes: number) => Promise<void>;
  readonly found: (finding: Finding) => void;
  readonly counted: (counts: {
    readonly blobs?: number;
    readonly bytes?: number;
    readonly manifests?: number;
  }) => void;
  /** Everything up to this key is done. */
  readonly reached: (after: string) => void;
}

const LOST = {
  corrupt: { kind: 'blob-corrupt', problem: 'its bytes are not what its digest says' },
  missing: { kind: 'blob-missing', problem: 'it has a record, but no bytes' },
} as const;

/** The first few by name, and how many more there are: findings are remembered, and written down again and again. */
const namesOf = (repositories: readonly string[]): string => {
  const more = repositories.length - NAMED;
  const named = repositories.slice(0, NAMED).join(', ') || 'whoever needs it';
  return more > 0 ? `${named} and ${more} more` : named;
};

/** Moved aside and forgotten: clients see that it is not here, and push it again; caches fetch it again. */
const lose = async (
  { storage, cause }: PhaseContext,
  digest: Digest,
  state: 'corrupt' | 'missing',
): Promise<string> => {
  const repositories = storage.metadata.contents.linkingRepositories(digest);
  if (state === 'corrupt') await storage.blobs.quarantine(digest);
  await storage.metadata.scrub.loseBlob(digest, cause);
  const done = state === 'corrupt' ? 'moved to quarantine' : 'forgotten';
  return `${done}; push it again to ${namesOf(repositories)}`;
};

const checkBlob = async (context: PhaseContext, digest: Digest): Promise<void> => {
  const { storage, signal, pace, counted, repair } = context;
  const look = () => storage.blobs.verify(digest, { read: count, signal });
  const count = (bytes: number): Promise<void> => {
    counted({ bytes });
    return pace(bytes);
  };
  if ((await look()) === 'whole') return counted({ blobs: 1 });
  counted({ blobs: 1 });
  await storage.locks.run(digest, async () => {
    if (!storage.metadata.contents.hasBlob(digest)) return;
    const state = await storage.blobs.verify(digest, { signal });
    if (state === 'whole') return;
    context.found({
      ...LOST[state],
      digest,
      repair: repair ? await lose(context, digest, state) : undefined,
    });
  });
};

/** Every blob is read and compared with its digest. */
export const checkBlobs = async (context: PhaseContext, start: string): Promise<void> => {
  for (let after = start; ;) {
    const records = context.storage.metadata.scrub.blobRecords({ limit: PAGE, after });
    for (const { digest } of records) {
      context.signal?.throwIfAborted();
      await checkBlob(context, digest);
      context.reached(digest);
    }
    const last = records.at(-1);
    if (last === undefined) return;
    after = last.digest;
    await breathe();
  }
};

/** Files that no record names. */
export const checkStrays = async (context: PhaseContext): Promise<void> => {
  const { storage, signal, strayBeforeMs, found } = context;
  for await (const { digest, modifiedMs } of storage.blobs.list()) {
    signal?.throwIfAborted();
    if (modifiedMs >= strayBeforeMs || storage.metadata.contents.hasBlob(digest)) continue;
    found({
      kind: 'file-stray',
      digest,
      problem: 'no record names this file; the next collection removes it',
    });
  }
};

/** Manifests are what their digests say. */
export const checkManifests = async (context: PhaseContext, start: string): Promise<void> => {
  for (let after = start; ;) {
    context.signal?.throwIfAborted();
    const contents = context.storage.metadata.scrub.manifestContents({
      limit: MANIFESTS,
      after,
      maxBytes: MANIFEST_BYTES,
    });
    for (const { digest, bytes } of contents) {
      await context.pace(bytes.length);
      if (hash(algorithmOf(digest), bytes, 'hex') !== hexOf(digest))
        context.found({
          kind: 'manifest-corrupt',
          digest,
          problem: 'its bytes are not what its digest says; delete it and push it again',
        });
    }
    context.counted({ manifests: contents.length });
    const last = contents.at(-1);
    if (last === undefined) return;
    after = last.digest;
    context.reached(after);
    await breathe();
  }
};

/** Whether the manifest cannot do without the blob: foreign layers may be absent. */
const isRequired = ({ storage }: PhaseContext, { repository, manifest, digest }: NeedState): boolean => {
  const stored = storage.metadata.contents.manifest(repository, manifest);
  return stored !== undefined && readManifest(stored.bytes, stored.mediaType).blobs.includes(digest);
};

const relink = async (
  context: PhaseContext,
  { repository, digest }: NeedState,
): Promise<string | undefined> => {
  const { storage, cause, signal } = context;
  return storage.locks.run(digest, async () => {
    const stored = await storage.blobs.stat(digest);
    if (stored === undefined || (await storage.blobs.verify(digest, { signal })) !== 'whole')
      return undefined;
    await storage.metadata.scrub.relinkBlob({ repository, digest, size: stored.size, cause });
    return 'linked again';
  });
};

/** Manifests have all blobs that they need. */
export const checkLinks = async (context: PhaseContext): Promise<void> => {
  const { storage, signal, repair, covers, found } = context;
  let after: NeedState | undefined;
  for (;;) {
    signal?.throwIfAborted();
    const needs = storage.metadata.scrub.needs({ limit: PAGE, after });
    for (const need of needs) {
      const { repository, manifest, digest } = need;
      if (need.linked || covers(repository) || !isRequired(context, need)) continue;
      if (storage.metadata.contents.linkedBlob(repository, digest) !== undefined) continue;
      const problem = 'a manifest needs this blob, and the repository does not have it';
      const done = repair ? await relink(context, need) : undefined;
      found({ kind: 'link-missing', repository, manifest, digest, problem, repair: done });
    }
    after = needs.at(-1);
    if (after === undefined) return;
    await breathe();
  }
};

/** The accounting agrees with a recount. */
export const checkAccounting = async ({ storage, signal, found }: PhaseContext): Promise<void> => {
  const { faults } = await storage.metadata.accounting.recount({ signal });
  for (const { of, name, counted, recounted } of faults)
    found({
      kind: 'accounting',
      repository: of === 'repository' ? name : undefined,
      problem: `${of} ${name}: counted ${JSON.stringify(counted)}, a recount says ${JSON.stringify(recounted)}`,
    });
};

/** The history of tags was not changed. */
export const checkHistory = async ({ storage, signal, found }: PhaseContext): Promise<void> => {
  const { faults } = await storage.metadata.tagHistory.verify({ signal });
  for (const { id, repository, problem } of faults)
    found({ kind: 'history', repository, problem: id === undefined ? problem : `entry ${id}: ${problem}` });
};
