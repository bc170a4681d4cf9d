import { humanDuration } from '#units';
import type { EdgeState, ManifestState, TagState } from '#metadata';
import type { Digest } from '#oci';
import { judgeTags } from './tag-verdicts.ts';
import type { RetentionRule } from './rules.ts';
import { createTick, doNow, type Steps } from './steps.ts';

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
export function* relationsOf({ manifests, edges }: RepositoryState): Steps<Relations> {
  const tick = createTick();
  const byDigest = new Map<Digest, ManifestState>();
  for (const manifest of manifests) {
    if (tick()) yield;
    byDigest.set(manifest.digest, manifest);
  }
  const [children, parents, referrers] = [
    new Map<Digest, Digest[]>(),
    new Map<Digest, Digest[]>(),
    new Map<Digest, Digest[]>(),
  ];
  for (const { manifest, digest } of edges) {
    if (tick()) yield;
    if (!byDigest.has(manifest) || !byDigest.has(digest)) continue;
    add(children, manifest, digest);
    add(parents, digest, manifest);
  }
  for (const { digest, subject } of manifests) {
    if (tick()) yield;
    if (subject !== undefined && byDigest.has(subject)) add(referrers, subject, digest);
  }
  return { byDigest, children, parents, referrers };
}

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

function* spread(
  roots: ReadonlyMap<Digest, string>,
  relations: Relations,
): Steps<ReadonlyMap<Digest, string>> {
  const tick = createTick();
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
    if (tick()) yield;
    for (const child of relations.children.get(digest) ?? []) keep(child, `listed by index ${digest}`);
    const subject = relations.byDigest.get(digest)?.subject;
    if (subject !== undefined && relations.byDigest.has(subject)) keep(subject, `${digest} refers to it`);
    for (const referrer of relations.referrers.get(digest) ?? []) keep(referrer, `refers to ${digest}`);
  }
  return kept;
}

/** Why manifests stay whatever the rules say. */
function* heldManifests(
  manifests: readonly ManifestState[],
  context: RetentionContext,
): Steps<ReadonlyMap<Digest, string>> {
  const tick = createTick();
  const held = new Map<Digest, string>();
  for (const manifest of manifests) {
    if (tick()) yield;
    const reason = heldBecause(manifest, context);
    if (reason !== undefined) held.set(manifest.digest, reason);
  }
  return held;
}

/** Why something goes that nothing keeps by itself. */
const judgeOther = (
  manifest: ManifestState,
  rule: RetentionRule,
  { relations, nowMs }: { readonly relations: Relations; readonly nowMs: number },
): { readonly keep: boolean; readonly reason: string } => {
  const { digest, subject } = manifest;
  const [parent] = relations.parents.get(digest) ?? [];
  if (parent !== undefined) return { keep: false, reason: `index ${parent} goes` };
  if (subject !== undefined && relations.byDigest.has(subject))
    return { keep: false, reason: `its subject ${subject} goes` };
  return untaggedVerdict(manifest, rule, nowMs);
};

/** `evaluate` in steps, with the relations it found. */
export function* evaluation(
  state: RepositoryState,
  rule: RetentionRule,
  context: RetentionContext,
): Steps<{ readonly verdicts: Verdicts; readonly relations: Relations }> {
  const tick = createTick();
  const { nowMs } = context;
  const relations = yield* relationsOf(state);
  const held = yield* heldManifests(state.manifests, context);
  const tags = yield* judgeTags(state.tags, rule, { nowMs, held });
  const [roots, dropped] = [new Map<Digest, string>(), new Map<Digest, string>()];
  for (const { tag, keep } of tags) {
    if (tick()) yield;
    if (keep && !roots.has(tag.digest)) roots.set(tag.digest, `tag ${tag.name}`);
  }
  for (const { tag, keep } of tags)
    if (!keep && !roots.has(tag.digest)) dropped.set(tag.digest, `its tag ${tag.name} goes`);
  for (const [digest, reason] of held) if (!roots.has(digest)) roots.set(digest, reason);
  for (const manifest of state.manifests) {
    if (tick()) yield;
    if (roots.has(manifest.digest) || dropped.has(manifest.digest)) continue;
    const { keep, reason } = judgeOther(manifest, rule, { relations, nowMs });
    (keep ? roots : dropped).set(manifest.digest, reason);
  }
  const kept = yield* spread(roots, relations);
  const manifests: ManifestVerdict[] = [];
  for (const manifest of state.manifests) {
    if (tick()) yield;
    const reason = kept.get(manifest.digest);
    const why = reason ?? dropped.get(manifest.digest) ?? '';
    manifests.push({ manifest, keep: reason !== undefined, reason: why });
  }
  return { verdicts: { tags, manifests }, relations };
}

/**
 * Judges every tag and manifest of a repository by its rule. Pure, and the same input gives the same words. Nothing is
 * dropped that something kept needs: what a kept index lists, the subject of a kept referrer, and the referrers of a kept
 * subject stay. A manifest goes with the last of its tags.
 */
export const evaluate = (state: RepositoryState, rule: RetentionRule, context: RetentionContext): Verdicts =>
  doNow(evaluation(state, rule, context)).verdicts;
