import { setImmediate as breathe } from 'node:timers/promises';
import type { CollectionStore, EdgeState, LinkState, ManifestState, RemovalUnit, TagState } from '#metadata';
import type { Digest } from '#oci';
import { evaluation, type RetentionContext, type Verdicts } from './retention.ts';
import type { RuleOf } from './rules.ts';
import { doInTurns } from './steps.ts';
import { unitsOf } from './units.ts';

const PAGE = 250;

/** What of one repository would go, and what the rules say of the rest. */
export interface RepositoryPlan {
  readonly repository: string;
  /** Absent where no rule applies. */
  readonly verdicts: Verdicts | undefined;
  readonly units: readonly RemovalUnit[];
  /** Links that nothing needs once the units are gone. */
  readonly links: readonly PlannedLink[];
  /** Links that nothing needs, but that uploads may still refer to. */
  readonly protectedLinks: readonly PlannedLink[];
}

export interface PlannedLink {
  readonly digest: Digest;
  readonly size: number;
  readonly reason: string;
}

export interface PlannerDeps {
  readonly collection: CollectionStore;
  readonly ruleOf: RuleOf;
}

export interface PlannerOptions {
  readonly nowMs: number;
  readonly uploadWindowMs: number;
  readonly restoredForMs: number;
  readonly isPromised: (repository: string, digest: Digest) => boolean;
  /** Whether links and blobs are looked at. */
  readonly withLinks: boolean;
  readonly signal: AbortSignal | undefined;
}

type Page = { readonly limit: number; readonly after: string };

/** Every entry, a page at a time, letting requests through between pages. */
async function* paged<T>(
  read: (page: Page) => readonly T[],
  keyOf: (entry: T) => string,
  signal: AbortSignal | undefined,
): AsyncGenerator<readonly T[]> {
  let after = '';
  for (;;) {
    signal?.throwIfAborted();
    const entries = read({ limit: PAGE, after });
    if (entries.length > 0) yield entries;
    const last = entries.at(-1);
    if (last === undefined || entries.length < PAGE) return;
    after = keyOf(last);
    await breathe();
  }
}

async function* pagedEdges(
  read: (page: { readonly limit: number; readonly after: EdgeState | undefined }) => readonly EdgeState[],
  signal: AbortSignal | undefined,
): AsyncGenerator<readonly EdgeState[]> {
  let after: EdgeState | undefined;
  for (;;) {
    signal?.throwIfAborted();
    const entries = read({ limit: PAGE, after });
    if (entries.length > 0) yield entries;
    after = entries.at(-1);
    if (after === undefined || entries.length < PAGE) return;
    await breathe();
  }
}

const gather = async <T>(pages: AsyncIterable<readonly T[]>): Promise<readonly T[]> => {
  const all: T[] = [];
  for await (const page of pages) for (const entry of page) all.push(entry);
  return all;
};

const judge = async (
  { collection, ruleOf }: PlannerDeps,
  repository: string,
  options: PlannerOptions,
): Promise<{ readonly verdicts: Verdicts; readonly units: readonly RemovalUnit[] } | undefined> => {
  const rule = ruleOf(repository);
  if (rule === undefined) return undefined;
  const { signal } = options;
  const state = {
    repository,
    manifests: await gather(
      paged<ManifestState>(
        (page) => collection.manifestStates(repository, page),
        ({ digest }) => digest,
        signal,
      ),
    ),
    tags: await gather(
      paged<TagState>(
        (page) => collection.tagStates(repository, page),
        ({ name }) => name,
        signal,
      ),
    ),
    edges: await gather(pagedEdges((page) => collection.indexEdges(repository, page), signal)),
  };
  const context: RetentionContext = {
    ...options,
    isPromised: (digest) => options.isPromised(repository, digest),
  };
  const { verdicts, relations } = await doInTurns(evaluation(state, rule, context), signal);
  return { verdicts, units: await doInTurns(unitsOf(repository, verdicts, relations), signal) };
};

/** Blobs that manifests need which stay. */
const neededBlobs = async (
  { collection }: PlannerDeps,
  repository: string,
  going: ReadonlySet<Digest>,
  signal: AbortSignal | undefined,
): Promise<ReadonlySet<Digest>> => {
  const needed = new Set<Digest>();
  for await (const page of pagedEdges((at) => collection.blobEdges(repository, at), signal))
    for (const { manifest, digest } of page) if (!going.has(manifest)) needed.add(digest);
  return needed;
};

const reasonOf = (link: LinkState): string =>
  link.needed ? 'its manifests go' : 'no manifest of the repository needs it';

const linksOf = async (
  deps: PlannerDeps,
  repository: string,
  units: readonly RemovalUnit[],
  options: PlannerOptions,
) => {
  const { signal, nowMs, uploadWindowMs } = options;
  const going = new Set(units.flatMap(({ manifests }) => manifests.map(({ digest }) => digest)));
  const needed = going.size === 0 ? undefined : await neededBlobs(deps, repository, going, signal);
  const [links, protectedLinks]: [PlannedLink[], PlannedLink[]] = [[], []];
  const read = (page: Page): readonly LinkState[] => deps.collection.linkStates(repository, page);
  for await (const page of paged(read, ({ digest }) => digest, signal)) {
    for (const link of page) {
      const { digest, size } = link;
      if (needed === undefined ? link.needed : needed.has(digest)) continue;
      const isInUse = link.linkedMs >= nowMs - uploadWindowMs || options.isPromised(repository, digest);
      (isInUse ? protectedLinks : links).push({ digest, size, reason: reasonOf(link) });
    }
  }
  return { links, protectedLinks };
};

/** What would go, repository by repository, in the order of their names. Reads a page at a time. */
export async function* planRepositories(
  deps: PlannerDeps,
  options: PlannerOptions & { readonly repository?: string | undefined },
): AsyncGenerator<RepositoryPlan> {
  const { repository: only, signal } = options;
  const names =
    only === undefined
      ? paged(
          (page) => deps.collection.repositoryNames(page),
          (name) => name,
          signal,
        )
      : [[only]];
  for await (const page of names) {
    for (const repository of page) {
      const judged = await judge(deps, repository, options);
      const units = judged?.units ?? [];
      const { links, protectedLinks } = options.withLinks
        ? await linksOf(deps, repository, units, options)
        : { links: [], protectedLinks: [] };
      yield { repository, verdicts: judged?.verdicts, units, links, protectedLinks };
      await breathe();
    }
  }
}
