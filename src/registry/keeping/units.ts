import type { RemovalUnit } from '#metadata';
import type { Digest } from '#oci';
import type { ManifestVerdict, Relations, Verdicts } from './retention.ts';
import { createTick, type Steps } from './steps.ts';

interface Going {
  readonly verdicts: ReadonlyMap<Digest, ManifestVerdict>;
  /** What a manifest refers to, among those that go. */
  readonly refers: (digest: Digest) => readonly Digest[];
  /** What refers to it. */
  readonly referred: (digest: Digest) => readonly Digest[];
}

/** Everything connected with a manifest, in the order of the walk. */
const connected = (start: Digest, going: Going, seen: Set<Digest>): readonly Digest[] => {
  const found = [start];
  seen.add(start);
  for (let at = 0; at < found.length; at += 1) {
    const digest = found[at] ?? start;
    for (const next of [...going.refers(digest), ...going.referred(digest)]) {
      if (seen.has(next)) continue;
      seen.add(next);
      found.push(next);
    }
  }
  return found;
};

/** What refers to something before that which it refers to. References among digests have no circles. */
const ordered = (digests: readonly Digest[], going: Going): readonly Digest[] => {
  const open = new Map(digests.map((digest) => [digest, new Set(going.referred(digest)).size]));
  const ready = digests.filter((digest) => open.get(digest) === 0);
  for (let at = 0; at < ready.length; at += 1) {
    const digest = ready[at];
    if (digest === undefined) break;
    for (const next of new Set(going.refers(digest))) {
      const left = (open.get(next) ?? 0) - 1;
      open.set(next, left);
      if (left === 0) ready.push(next);
    }
  }
  return ready;
};

const goingOf = (verdicts: Verdicts, { children, parents, referrers }: Relations): Going => {
  const dropped = new Map<Digest, ManifestVerdict>();
  for (const verdict of verdicts.manifests) if (!verdict.keep) dropped.set(verdict.manifest.digest, verdict);
  const among = (digests: readonly Digest[] | undefined): readonly Digest[] =>
    digests?.filter((digest) => dropped.has(digest)) ?? [];
  return {
    verdicts: dropped,
    refers: (digest) => {
      const subject = dropped.get(digest)?.manifest.subject;
      return among(subject === undefined ? children.get(digest) : [...(children.get(digest) ?? []), subject]);
    },
    referred: (digest) => among([...(parents.get(digest) ?? []), ...(referrers.get(digest) ?? [])]),
  };
};

const removalOf = (verdict: ManifestVerdict | undefined) => {
  if (verdict === undefined) return [];
  const { digest, size, pushedMs } = verdict.manifest;
  return [{ digest, size, pushedMs, reason: verdict.reason }];
};

/** What goes, in pieces that go together or not at all: manifests that refer to each other, with their tags. */
export function* unitsOf(
  repository: string,
  verdicts: Verdicts,
  relations: Relations,
): Steps<readonly RemovalUnit[]> {
  const tick = createTick();
  const going = goingOf(verdicts, relations);
  yield;
  const tags = verdicts.tags
    .filter(({ keep }) => !keep)
    .map(({ tag, reason }) => ({ name: tag.name, digest: tag.digest, pushedMs: tag.pushedMs, reason }));
  const tagsOf = Map.groupBy(tags, ({ digest }) => digest);
  yield;
  const units: RemovalUnit[] = tags
    .filter(({ digest }) => !going.verdicts.has(digest))
    .map((tag) => ({ repository, tags: [tag], manifests: [] }));
  const seen = new Set<Digest>();
  for (const start of going.verdicts.keys()) {
    if (tick()) yield;
    if (seen.has(start)) continue;
    const digests = ordered(connected(start, going, seen), going);
    units.push({
      repository,
      tags: digests.flatMap((digest) => tagsOf.get(digest) ?? []),
      manifests: digests.flatMap((digest) => removalOf(going.verdicts.get(digest))),
    });
  }
  return units;
}
