import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { ManifestState, RemovalUnit, TagState } from '#metadata';
import { parseDigest, type Digest } from '#oci';
import {
  evaluate,
  evaluation,
  type RepositoryState,
  type RetentionContext,
  type Verdicts,
} from './retention.ts';
import { createRuleOf, type RetentionRule } from './rules.ts';
import { doNow } from './steps.ts';
import { unitsOf } from './units.ts';

const DAY_MS = 86_400_000;
const NOW_MS = 100 * DAY_MS;

const digestAt = (index: number): Digest => parseDigest(`sha256:${String(index).padStart(64, '0')}`);

const context: RetentionContext = {
  nowMs: NOW_MS,
  uploadWindowMs: DAY_MS / 24,
  restoredForMs: DAY_MS,
  isPromised: () => false,
};

const manifest = (index: number, more: Partial<ManifestState> = {}): ManifestState => ({
  digest: digestAt(index),
  size: 100,
  pushedMs: NOW_MS - 50 * DAY_MS,
  subject: undefined,
  releasedMs: undefined,
  restoredMs: undefined,
  pulledMs: undefined,
  ...more,
});

const tag = (name: string, index: number, more: Partial<TagState> = {}): TagState => ({
  name,
  digest: digestAt(index),
  pushedMs: NOW_MS - 50 * DAY_MS,
  pulledMs: undefined,
  ...more,
});

const stateOf = (state: Partial<RepositoryState>): RepositoryState => ({
  repository: 'a',
  manifests: [],
  tags: [],
  edges: [],
  ...state,
});

const keptTags = ({ tags }: Verdicts): readonly string[] =>
  tags.filter(({ keep }) => keep).map(({ tag: { name } }) => name);

const keptManifests = ({ manifests }: Verdicts): readonly number[] =>
  manifests
    .filter(({ keep }) => keep)
    .map(({ manifest: { digest } }) => Number(digest.slice('sha256:'.length)));

const ages = [1, 2, 3, 4, 5];
const fiveTags = stateOf({
  manifests: ages.map((age) => manifest(age, { pushedMs: NOW_MS - age * DAY_MS })),
  tags: ages.map((age) =>
    tag(`pr-${age}`, age, {
      pushedMs: NOW_MS - age * DAY_MS,
      pulledMs: age > 3 ? NOW_MS - (6 - age) * 1000 : undefined,
    }),
  ),
});

const tagRule = (...tags: NonNullable<RetentionRule['tags']>): RetentionRule => ({
  repositories: ['**'],
  tags,
});

test.each([
  ['the last pushed', tagRule({ tags: ['pr-*'], lastPushed: 2 }), ['pr-1', 'pr-2']],
  ['the last pulled', tagRule({ tags: ['pr-*'], lastPulled: 1 }), ['pr-5']],
  ['what was pushed within', tagRule({ pushedWithinMs: 3.5 * DAY_MS }), ['pr-1', 'pr-2', 'pr-3']],
  ['what was pulled within', tagRule({ pulledWithinMs: DAY_MS }), ['pr-4', 'pr-5']],
  ['what any condition keeps', tagRule({ lastPushed: 1, lastPulled: 1 }), ['pr-1', 'pr-5']],
  ['what any keeper keeps', tagRule({ tags: ['pr-3'] }, { lastPushed: 1 }), ['pr-1', 'pr-3']],
  ['nothing of what only matches', tagRule({ tags: ['pr-*'], lastPushed: 0 }), []],
  ['what no keeper is about', tagRule({ tags: ['other'], lastPushed: 0 }), ages.map((age) => `pr-${age}`)],
  ['everything without tag rules', { repositories: ['**'] }, ages.map((age) => `pr-${age}`)],
])('keeps %s', (_, rule, expected) => {
  const verdicts = evaluate(fiveTags, rule, context);
  expect(keptTags(verdicts)).toEqual(expected);
  expect(keptManifests(verdicts)).toEqual(expected.map((name) => Number(name.slice(3))));
});

const dropUntagged: RetentionRule = { repositories: ['**'], untagged: { releasedWithinMs: 7 * DAY_MS } };

test('untagged manifests go when they were let go of long enough ago', () => {
  const state = stateOf({
    manifests: [
      manifest(1),
      manifest(2, { releasedMs: NOW_MS - DAY_MS }),
      manifest(3, { pushedMs: NOW_MS - 1000 }),
      manifest(4, { restoredMs: NOW_MS - 1000 }),
      manifest(5, { pulledMs: NOW_MS - 1000 }),
    ],
  });
  expect(keptManifests(evaluate(state, dropUntagged, context))).toEqual([2, 3, 4]);
  const pulled = { repositories: ['**'], untagged: { pulledWithinMs: DAY_MS } };
  expect(keptManifests(evaluate(state, pulled, context))).toEqual([3, 4, 5]);
  expect(keptManifests(evaluate(state, { repositories: ['**'] }, context))).toEqual([1, 2, 3, 4, 5]);
  const promised = { ...context, isPromised: (digest: Digest) => digest === digestAt(1) };
  expect(keptManifests(evaluate(state, dropUntagged, promised))).toEqual([1, 2, 3, 4]);
});

test('children of a kept index, subjects and referrers stay; those of a dropped one go', () => {
  const state = stateOf({
    manifests: [
      manifest(1),
      manifest(2),
      manifest(3, { subject: digestAt(1) }),
      manifest(4),
      manifest(5, { subject: digestAt(6) }),
      manifest(6),
      manifest(7, { subject: digestAt(4) }),
    ],
    tags: [tag('v1', 1), tag('pr-1', 4), tag('signature', 5)],
    edges: [
      { manifest: digestAt(1), digest: digestAt(2) },
      { manifest: digestAt(4), digest: digestAt(2) },
      { manifest: digestAt(4), digest: digestAt(99) },
    ],
  });
  const rule = { ...dropUntagged, tags: [{ tags: ['pr-*'], lastPushed: 0 }] };
  const verdicts = evaluate(state, rule, context);
  expect(keptManifests(verdicts)).toEqual([1, 2, 3, 5, 6]);
  expect(verdicts.manifests.map(({ reason }) => reason)).toEqual([
    'tag v1',
    `listed by index ${digestAt(1)}`,
    `refers to ${digestAt(1)}`,
    'its tag pr-1 goes',
    'tag signature',
    `${digestAt(5)} refers to it`,
    `its subject ${digestAt(4)} goes`,
  ]);
});

test('the rule with the most specific pattern counts alone', () => {
  const [wide, narrow] = [{ repositories: ['**'] }, { repositories: ['team/**', 'other'] }];
  const ruleOf = createRuleOf([wide, narrow]);
  expect([ruleOf('team/app'), ruleOf('other'), ruleOf('x')]).toEqual([narrow, narrow, wide]);
});

const COUNT = 12;
const index = fc.nat({ max: COUNT - 1 });
const time = fc.integer({ min: 0, max: 20 }).map((days) => NOW_MS - days * DAY_MS);
const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });
const keeper = fc.record({
  tags: maybe(fc.constantFrom(['a*'], ['b*', 'c*'], ['*'])),
  lastPushed: maybe(fc.nat({ max: 3 })),
  lastPulled: maybe(fc.nat({ max: 3 })),
  pushedWithinMs: maybe(fc.nat({ max: 20 }).map((days) => days * DAY_MS)),
  pulledWithinMs: maybe(fc.nat({ max: 20 }).map((days) => days * DAY_MS)),
});
const rule: fc.Arbitrary<RetentionRule> = fc.record({
  repositories: fc.constant(['**']),
  tags: maybe(fc.array(keeper, { maxLength: 3 })),
  untagged: maybe(
    fc.record({
      releasedWithinMs: maybe(fc.nat({ max: 20 }).map((days) => days * DAY_MS)),
      pulledWithinMs: maybe(fc.nat({ max: 20 }).map((days) => days * DAY_MS)),
    }),
  ),
});

/** References only go to greater numbers: digests have no circles. */
const state: fc.Arbitrary<RepositoryState> = fc
  .record({
    facts: fc.array(
      fc.record({
        pushedMs: time,
        releasedMs: maybe(time),
        restoredMs: maybe(time),
        pulledMs: maybe(time),
        subject: maybe(index),
      }),
      { minLength: COUNT, maxLength: COUNT },
    ),
    tags: fc.uniqueArray(
      fc.tuple(fc.constantFrom('a1', 'a2', 'a3', 'b1', 'b2', 'c1', 'd1'), index, time, maybe(time)),
      { selector: ([name]) => name },
    ),
    edges: fc.uniqueArray(fc.tuple(index, index), { selector: ([a, b]) => `${a} ${b}`, maxLength: 12 }),
  })
  .map(({ facts, tags, edges }) =>
    stateOf({
      manifests: facts.map(({ subject, ...fact }, at) =>
        manifest(at, {
          ...fact,
          subject: subject === undefined || subject <= at ? undefined : digestAt(subject),
        }),
      ),
      tags: tags.map(([name, at, pushedMs, pulledMs]) => tag(name, at, { pushedMs, pulledMs })),
      edges: edges
        .filter(([from, to]) => from < to)
        .map(([from, to]) => ({ manifest: digestAt(from), digest: digestAt(to) })),
    }),
  );

test('nothing goes that something kept needs, and the same input gives the same words', () => {
  fc.assert(
    fc.property(state, rule, (repository, chosen) => {
      const verdicts = evaluate(repository, chosen, context);
      expect(evaluate(structuredClone(repository), chosen, context)).toEqual(verdicts);
      const kept = new Set(verdicts.manifests.filter(({ keep }) => keep).map((one) => one.manifest.digest));
      for (const one of verdicts.tags) if (one.keep) expect(kept).toContain(one.tag.digest);
      for (const { manifest: from, digest } of repository.edges)
        if (kept.has(from)) expect(kept).toContain(digest);
      for (const { digest, subject } of repository.manifests) {
        if (subject === undefined) continue;
        if (kept.has(subject)) expect(kept).toContain(digest);
        if (kept.has(digest)) expect(kept).toContain(subject);
      }
      for (const one of [...verdicts.tags, ...verdicts.manifests]) expect(one.reason).not.toBe('');
    }),
    { numRuns: 1000 },
  );
});

const positions = (units: readonly RemovalUnit[]): ReadonlyMap<Digest, readonly [number, number]> =>
  new Map(
    units.flatMap(({ manifests }, unit) =>
      manifests.map(({ digest }, at) => [digest, [unit, at] as const] as const),
    ),
  );

test('what goes together is one unit, what refers to something stands before it, and every thing goes once', () => {
  fc.assert(
    fc.property(state, rule, (repository, chosen) => {
      const { verdicts, relations } = doNow(evaluation(repository, chosen, context));
      const units = doNow(unitsOf(repository.repository, verdicts, relations));
      const going = verdicts.manifests.filter(({ keep }) => !keep).map((one) => one.manifest.digest);
      const listed = units.flatMap(({ manifests }) => manifests.map(({ digest }) => digest));
      expect(listed.toSorted()).toEqual(going.toSorted());
      const names = units.flatMap(({ tags }) => tags.map(({ name }) => name));
      expect(names.toSorted()).toEqual(
        verdicts.tags
          .filter(({ keep }) => !keep)
          .map((one) => one.tag.name)
          .toSorted(),
      );
      const at = positions(units);
      const references = [
        ...repository.edges.map(({ manifest: from, digest }) => [from, digest] as const),
        ...repository.manifests.flatMap(({ digest, subject }) =>
          subject === undefined ? [] : [[digest, subject] as const],
        ),
      ];
      for (const [from, to] of references) {
        const [before, after] = [at.get(from), at.get(to)];
        if (before === undefined || after === undefined) continue;
        expect(before[0]).toBe(after[0]);
        expect(before[1]).toBeLessThan(after[1]);
      }
    }),
    { numRuns: 1000 },
  );
});
