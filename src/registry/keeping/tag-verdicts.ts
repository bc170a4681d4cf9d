import { humanDuration } from '#units';
import type { TagState } from '#metadata';
import type { Digest } from '#oci';
import type { TagVerdict } from './retention.ts';
import { createTick, type Steps } from './steps.ts';
import { createTagPatterns, type RetentionRule, type TagKeeper } from './rules.ts';

interface TagContext {
  readonly nowMs: number;
  /** Manifests that stay in any case, and why. */
  readonly held: ReadonlyMap<Digest, string>;
}

/** A keeper with the tags it is about, and the places of each among them. */
interface Ranking {
  readonly keeper: TagKeeper;
  readonly about: string;
  readonly pushed: ReadonlyMap<string, number>;
  readonly pulled: ReadonlyMap<string, number>;
}

const ranksBy = (tags: readonly TagState[], timeOf: (tag: TagState) => number): ReadonlyMap<string, number> =>
  new Map(
    tags
      .toSorted((a, b) => timeOf(b) - timeOf(a) || (a.name < b.name ? -1 : 1))
      .map((tag, index) => [tag.name, index + 1]),
  );

const rankingOf = (
  tags: readonly TagState[],
  keeper: TagKeeper,
  matches: (tag: TagState) => boolean,
): Ranking => {
  const those = tags.filter(matches);
  const pulled = those.filter(({ pulledMs }) => pulledMs !== undefined);
  return {
    keeper,
    about: keeper.tags === undefined ? 'all tags' : keeper.tags.join(' '),
    pushed: ranksBy(those, ({ pushedMs }) => pushedMs),
    pulled: keeper.lastPulled === undefined ? new Map() : ranksBy(pulled, ({ pulledMs = 0 }) => pulledMs),
  };
};

const isUnconditional = (keeper: TagKeeper): boolean =>
  keeper.lastPushed === undefined &&
  keeper.lastPulled === undefined &&
  keeper.pushedWithinMs === undefined &&
  keeper.pulledWithinMs === undefined;

/** Why a keeper keeps a tag that it is about. */
const keptBecause = (tag: TagState, { keeper, about, pushed, pulled }: Ranking, nowMs: number) => {
  const { lastPushed, lastPulled, pushedWithinMs, pulledWithinMs } = keeper;
  const [pushRank = Infinity, pullRank = Infinity] = [pushed.get(tag.name), pulled.get(tag.name)];
  const { pushedMs, pulledMs } = tag;
  if (isUnconditional(keeper)) return `${about} are kept`;
  if (lastPushed !== undefined && pushRank <= lastPushed)
    return `place ${pushRank} of the last ${lastPushed} pushed of ${about}`;
  if (lastPulled !== undefined && pullRank <= lastPulled)
    return `place ${pullRank} of the last ${lastPulled} pulled of ${about}`;
  if (pushedWithinMs !== undefined && pushedMs > nowMs - pushedWithinMs)
    return `pushed ${humanDuration(Math.max(0, nowMs - pushedMs))} ago; ${about} stay ${humanDuration(pushedWithinMs)}`;
  if (pulledWithinMs !== undefined && pulledMs !== undefined && pulledMs > nowMs - pulledWithinMs)
    return `pulled ${humanDuration(Math.max(0, nowMs - pulledMs))} ago; ${about} stay ${humanDuration(pulledWithinMs)} after a pull`;
  return undefined;
};

const droppedBecause = (tag: TagState, rankings: readonly Ranking[], nowMs: number): string => {
  const [first] = rankings;
  const rank = first?.pushed.get(tag.name) ?? 0;
  const pulled =
    tag.pulledMs === undefined
      ? 'never pulled'
      : `pulled ${humanDuration(Math.max(0, nowMs - tag.pulledMs))} ago`;
  return `place ${rank} of ${first?.pushed.size ?? 0} pushed of ${first?.about ?? ''}, pushed ${humanDuration(Math.max(0, nowMs - tag.pushedMs))} ago, ${pulled}`;
};

/** Judges tags alone: a tag that no keeper is about stays. */
export function* judgeTags(
  tags: readonly TagState[],
  rule: RetentionRule,
  { nowMs, held }: TagContext,
): Steps<readonly TagVerdict[]> {
  const tick = createTick();
  const compiled = createTagPatterns();
  const matches = (keeper: TagKeeper, name: string): boolean =>
    keeper.tags === undefined || keeper.tags.some((text) => compiled(text).matches(name));
  const rankings: Ranking[] = [];
  for (const keeper of rule.tags ?? []) {
    yield;
    rankings.push(rankingOf(tags, keeper, ({ name }) => matches(keeper, name)));
  }
  const judge = (tag: TagState): TagVerdict => {
    const about = rankings.filter(({ pushed }) => pushed.has(tag.name));
    if (about.length === 0) return { tag, keep: true, reason: 'no rule is about this tag' };
    for (const ranking of about) {
      const reason = keptBecause(tag, ranking, nowMs);
      if (reason !== undefined) return { tag, keep: true, reason };
    }
    const reason = held.get(tag.digest);
    if (reason !== undefined) return { tag, keep: true, reason: `its manifest was ${reason}` };
    return { tag, keep: false, reason: droppedBecause(tag, about, nowMs) };
  };
  const verdicts: TagVerdict[] = [];
  for (const tag of tags) {
    if (tick()) yield;
    verdicts.push(judge(tag));
  }
  return verdicts;
}
