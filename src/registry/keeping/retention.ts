import { humanDuration } from '#units';
import type { EdgeState, ManifestState, TagState } from '#metadata';
import type { Digest } from '#oci';
import { judgeTags } from './tag-verdicts.ts';
import type { RetentionRule } from './rules.ts';

/** All that the rules see of a repository. */
export interface RepositoryState {
  readonly repository: string;
  readonly manifests: readonly ManifestState[];
  readonly tags: readonly TagState[];
  /** From indexes to what they list. */
  readonly edges: readonly EdgeState[];
}

export interface RetentionContext {
  readonly nowMs: number;
  /** How long what was pushed or asked for stays in any case. */
  readonly uploadWindowMs: number;
  /** How long what an undo brought back stays in any case. */
  readonly restoredForMs: number;
  /** Whether a client was told within the upload window that it is here. */
  readonly isPromised: (digest: Digest) => boolean;
}

export interface TagVerdict {
  readonly tag: TagState;
  readonly keep: boolean;
  readonly reason: string;
}

export interface ManifestVerdict {
  readonly manifest: ManifestState;
  readonly keep: boolean;
  readonly reason: string;
}

export interface Verdicts {
  readonly tags: readonly TagVerdict[];
  readonly manifests: readonly ManifestVerdict[];
}

/** How a repository's manifests refer to each other. */
export interface Relations {
  readonly byDigest: ReadonlyMap<Digest, ManifestState>;
  readonly children: ReadonlyMap<Digest, readonly Digest[]>;
  readonly parents: ReadonlyMap<Digest, readonly Digest[]>;
  readonly referrers: ReadonlyMap<Digest, readonly Digest[]>;
}

const add = (map: Map<Digest, Digest[]>, key: Digest, value: Digest): void => {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else list.push(value);
};

/** Only among manifests that are there. */
export const relationsOf = ({ manifests, edges }: RepositoryState): Relations => {
  const byDigest = new Map(manifests.map((manifest) => [manifest.digest, manifest]));
  const [children, parents, referrers] = [
    new Map<Digest, Digest[]>(),
    new Map<Digest, Digest[]>(),
    new Map<Digest, Digest[]>(),
  ];
  for (const { manifest, digest } of edges) {
    if (!byDigest.has(manifest) || !byDigest.has(digest)) continue;
    add(children, manifest, digest);
    add(parents, digest, manifest);
  }
  for (const { digest, subject } of manifests)
    if (subject !== undefined && byDigest.has(subject)) add(referrers, subject, digest);
  return { byDigest, children, parents, referrers };
};

const ago = (nowMs: number, thenMs: number): string => `${humanDuration(Math.max(0, nowMs - thenMs))} ago`;

/** Why a manifest stays whatever the rules say. */
const heldBecause = (manifest: ManifestState, context: RetentionContext): string | undefined => {
  const { nowMs, uploadWindowMs, restoredForMs } = context;
  const { digest, pushedMs, restoredMs } = manifest;
  if (pushedMs > nowMs - uploadWindowMs) return `pushed ${ago(nowMs, pushedMs)}, within the upload window`;
  if (context.isPromised(digest)) return 'asked for within the upload window';
  if (restoredMs !== undefined && restoredMs > nowMs - restoredForMs)
    return `brought back by an undo ${ago(nowMs, restoredMs)}`;
  return undefined;
};

const untaggedVerdict = (
  manifest: ManifestState,
  rule: RetentionRule,
  nowMs: number,
): { readonly keep: boolean; readonly reason: string } => {
  const { untagged } = rule;
  if (untagged === undefined) return { keep: true, reason: 'untagged, and the rule keeps what is untagged' };
  const { releasedWithinMs, pulledWithinMs } = untagged;
  const sinceMs = Math.max(manifest.pushedMs, manifest.releasedMs ?? 0);
  if (releasedWithinMs !== undefined && sinceMs > nowMs - releasedWithinMs)
    return { keep: true, reason: `untagged since ${humanDuration(nowMs - sinceMs)}` };
  if (
    pulledWithinMs !== undefined &&
    manifest.pulledMs !== undefined &&
    manifest.pulledMs > nowMs - pulledWithinMs
  )
    return { keep: true, reason: `pulled ${ago(nowMs, manifest.pulledMs)}` };
  return { keep: false, reason: `untagged since ${humanDuration(Math.max(0, nowMs - sinceMs))}` };
};

const spread = (roots: ReadonlyMap<Digest, string>, relations: Relations): ReadonlyMap<Digest, string> => {
  const kept = new Map(roots);
  const queue = [...roots.keys()];
  const keep = (digest: Digest, reason: string): void => {
    if (kept.has(digest)) return;
    kept.set(digest, reason);
    queue.push(digest);
  };
  for (let at = 0; at < queue.length; at += 1) {
    const digest = queue[at];
    if (digest === undefined) break;
    for (const child of relations.children.get(digest) ?? []) keep(child, `listed by index ${digest}`);
    const subject = relations.byDigest.get(digest)?.subject;
    if (subject !== undefined && relations.byDigest.has(subject)) keep(subject, `${digest} refers to it`);
    for (const referrer of relations.referrers.get(digest) ?? []) keep(referrer, `refers to ${digest}`);
  }
  return kept;
};

/**
 * Judges every tag and manifest of a repository by its rule. Pure, and the same input gives the same words. Nothing is
 * dropped that something kept needs: what a kept index lists, the subject of a kept referrer, and the referrers of a kept
 * subject stay. A manifest goes with the last of its tags.
 */
export const evaluate = (
  state: RepositoryState,
  rule: RetentionRule,
  context: RetentionContext,
): Verdicts => {
  const relations = relationsOf(state);
  const held = new Map<Digest, string>();
  for (const manifest of state.manifests) {
    const reason = heldBecause(manifest, context);
    if (reason !== undefined) held.set(manifest.digest, reason);
  }
  const tags = judgeTags(state.tags, rule, { nowMs: context.nowMs, held });
  const roots = new Map<Digest, string>();
  const dropped = new Map<Digest, string>();
  for (const { tag, keep } of tags)
    if (keep && !roots.has(tag.digest)) roots.set(tag.digest, `tag ${tag.name}`);
  for (const { tag, keep } of tags)
    if (!keep && !roots.has(tag.digest)) dropped.set(tag.digest, `its tag ${tag.name} goes`);
  for (const [digest, reason] of held) if (!roots.has(digest)) roots.set(digest, reason);
  for (const manifest of state.manifests) {
    const { digest, subject } = manifest;
    if (roots.has(digest) || dropped.has(digest)) continue;
    const [parent] = relations.parents.get(digest) ?? [];
    if (parent !== undefined) dropped.set(digest, `index ${parent} goes`);
    else if (subject !== undefined && relations.byDigest.has(subject))
      dropped.set(digest, `its subject ${subject} goes`);
    else {
      const { keep, reason } = untaggedVerdict(manifest, rule, context.nowMs);
      (keep ? roots : dropped).set(digest, reason);
    }
  }
  const kept = spread(roots, relations);
  return {
    tags,
    manifests: state.manifests.map((manifest) => {
      const reason = kept.get(manifest.digest);
      return reason === undefined
        ? { manifest, keep: false, reason: dropped.get(manifest.digest) ?? '' }
        : { manifest, keep: true, reason };
    }),
  };
};
