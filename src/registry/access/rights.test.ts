import type { StoredGrant } from '#metadata';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { permitted, rightsOf, type Principal } from './rights.ts';
import { ALL_ACTIONS, ROLES, roleAllows, type Role } from './roles.ts';

const part = fc.constantFrom('a', 'b', 'c');
const name = fc.array(part, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/'));
const pattern = fc
  .array(fc.oneof(part, fc.constantFrom('*', '**')), { minLength: 1, maxLength: 3 })
  .map((parts) => parts.join('/'));
const subject = fc.oneof(
  fc.record({ kind: fc.constant('user' as const), name: fc.constantFrom('ann', 'bob') }),
  fc.record({ kind: fc.constant('robot' as const), name: fc.constant('robot+ci') }),
  fc.record({
    kind: fc.constant('group' as const),
    name: fc.constantFrom('everyone', 'anonymous', 'devs', 'ops'),
  }),
);
const grants = fc.uniqueArray(
  fc.record({ subject, pattern, role: fc.constantFrom(...ROLES), createdMs: fc.constant(0) }),
  { maxLength: 8, selector: (grant) => JSON.stringify([grant.subject, grant.pattern]) },
);
const principal: fc.Arbitrary<Principal> = fc.oneof(
  fc.record({
    account: fc.record({ kind: fc.constant('user' as const), name: fc.constantFrom('ann', 'bob') }),
    groups: fc.subarray(['devs', 'ops']),
    loggedIn: fc.constant(true),
  }),
  fc.constant({ account: { kind: 'robot' as const, name: 'robot+ci' }, groups: [], loggedIn: true }),
  fc.constant({ account: undefined, groups: [], loggedIn: false }),
);

/** A regular expression that says what a pattern matches. */
const matches = (text: string, repository: string): boolean => {
  const parts = text.split('/').map((one) => {
    if (one === '**') return '(?:[^/]+/)*';
    return `${one === '*' ? '[^/]*' : one}/`;
  });
  return new RegExp(`^${parts.join('')}$`).test(`${repository}/`);
};

/** The rule, as the documentation says it: sort all grants that apply, the first one counts. */
const oracle = (given: readonly StoredGrant[], who: Principal, repository: string): Role => {
  const exactness = ({ subject: { kind, name: text } }: StoredGrant): number => {
    if (kind !== 'group') return who.account?.kind === kind && who.account.name === text ? 4 : 0;
    if (who.groups.includes(text)) return 3;
    if (text === 'everyone') return who.loggedIn && who.account?.kind === 'user' ? 2 : 0;
    return text === 'anonymous' ? 1 : 0;
  };
  const literals = (text: string): number => text.replaceAll('*', '').length;
  const deep = (text: string): number => text.split('/').filter((one) => one === '**').length;
  const shallow = (text: string): number => text.split('/').filter((one) => one === '*').length;
  const [first] = given
    .filter((grant) => exactness(grant) > 0 && matches(grant.pattern, repository))
    .toSorted(
      (a, b) =>
        literals(b.pattern) - literals(a.pattern) ||
        deep(a.pattern) - deep(b.pattern) ||
        shallow(a.pattern) - shallow(b.pattern) ||
        (a.pattern < b.pattern ? -1 : Number(a.pattern > b.pattern)) ||
        exactness(b) - exactness(a) ||
        ROLES.indexOf(b.role as Role) - ROLES.indexOf(a.role as Role),
    );
  return (first?.role as Role | undefined) ?? 'none';
};

describe('rights by grants', () => {
  test('are those of the longest match, as a naive reading says', () => {
    fc.assert(
      fc.property(grants, principal, name, (given, who, repository) => {
        const may = rightsOf(given, who);
        const role = oracle(given, who, repository);
        for (const action of ALL_ACTIONS)
          expect([action, may(action, repository)]).toEqual([action, roleAllows(role, action)]);
      }),
      { numRuns: 3000 },
    );
  });

  test('do not depend on the order of grants, nor on what was asked before', () => {
    fc.assert(
      fc.property(grants, principal, fc.array(name, { minLength: 1, maxLength: 5 }), (given, who, names) => {
        const [one, other] = [rightsOf(given, who), rightsOf(given.toReversed(), who)];
        for (const repository of [...names, ...names])
          for (const action of ALL_ACTIONS) expect(one(action, repository)).toBe(other(action, repository));
      }),
    );
  });

  test('none takes away what a wider grant gives', () => {
    const who: Principal = { account: { kind: 'user', name: 'ann' }, groups: [], loggedIn: true };
    const grant = (text: string, role: string): StoredGrant => ({
      subject: { kind: 'user', name: 'ann' },
      pattern: text,
      role,
      createdMs: 0,
    });
    const may = rightsOf([grant('team/**', 'admin'), grant('team/secret/**', 'none')], who);
    expect([may('delete', 'team/app'), may('pull', 'team/secret/x')]).toEqual([true, false]);
  });
});

test('permissions give what one of them lists, and words that nobody knows give nothing', () => {
  const may = permitted([
    { pattern: 'team/**', actions: ['pull', 'everything'] },
    { pattern: 'team/app', actions: ['push'] },
  ]);
  expect(may('pull', 'team/x')).toBe(true);
  expect([may('push', 'team/x'), may('push', 'team/app'), may('delete', 'team/app')]).toEqual([
    false,
    true,
    false,
  ]);
});
