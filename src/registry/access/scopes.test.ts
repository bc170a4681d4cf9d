import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ALL_ACTIONS } from './roles.ts';
import { accessOf, grantScopes, parseScope, parseScopes, scopeText } from './scopes.ts';

const repository = fc.constantFrom('a/b', 'team/app', 'localhost:5000/x', 'x');
const actions = fc.subarray(['pull', 'push', 'delete', 'administer', '*', 'fly']);
const asked = fc.array(
  fc.record({ type: fc.constantFrom('repository', 'registry', 'other'), name: repository, actions }),
  { maxLength: 6 },
);

describe('scopes', () => {
  test.each([
    ['repository:a/b:pull', 'repository', 'a/b', ['pull']],
    ['repository:localhost:5000/a/b:pull,push', 'repository', 'localhost:5000/a/b', ['pull', 'push']],
    ['repository(plugin):a:pull', 'repository', 'a', ['pull']],
    ['registry:catalog:*', 'registry', 'catalog', ['*']],
    ['repository:a:', 'repository', 'a', []],
    ['repository:a:pull,,pull', 'repository', 'a', ['pull']],
  ])('%s', (text, type, name, list) => {
    expect(parseScope(text)).toEqual({ type, name, actions: list });
  });

  test.each([
    '',
    'repository',
    'repository:a',
    ':a:pull',
    'repository::pull',
    `repository:${'a'.repeat(2000)}:pull`,
  ])('%j is none', (text) => expect(parseScope(text)).toBeUndefined());

  test('come in several parameters and several in one, and a bounded number counts', () => {
    expect(
      parseScopes(['repository:a:pull repository:b:push', 'nonsense', 'registry:catalog:*']),
    ).toHaveLength(3);
    expect(parseScopes([Array.from({ length: 500 }, () => 'repository:a:pull').join(' ')])).toHaveLength(100);
  });

  test('granted is never more than asked, and never more than allowed', () => {
    fc.assert(
      fc.property(asked, fc.subarray([...ALL_ACTIONS]), repository, (entries, allowed, only) => {
        const may = (action: string, name: string): boolean =>
          name === only && allowed.some((one) => one === action);
        for (const { type, name, actions: given } of grantScopes(entries, { may, self: false }))
          for (const action of given) {
            expect(type).toBe('repository');
            expect(may(action, name)).toBe(true);
            const wanted = entries.filter((entry) => entry.type === type && entry.name === name);
            expect(
              wanted.some((entry) => entry.actions.includes(action) || entry.actions.includes('*')),
            ).toBe(true);
          }
      }),
    );
  });

  test('asking for more never gives less, and granting twice gives the same', () => {
    fc.assert(
      fc.property(asked, asked, fc.subarray([...ALL_ACTIONS]), (entries, more, allowed) => {
        const grantable = { may: (action: string) => allowed.some((one) => one === action), self: false };
        const few = accessOf(grantScopes(entries, grantable));
        const many = accessOf(grantScopes([...entries, ...more], grantable));
        for (const { name } of entries)
          for (const action of ALL_ACTIONS)
            if (few.repository(action, name)) expect(many.repository(action, name)).toBe(true);
        const once = grantScopes(entries, grantable);
        expect(grantScopes(parseScopes(once.map(scopeText)), grantable)).toEqual(once);
      }),
    );
  });

  test('the catalog is not a repository, and everything is for who is somebody', () => {
    const everything = [
      { type: 'registry', name: 'catalog', actions: ['*'] },
      { type: 'registry', name: 'self', actions: ['*'] },
    ];
    const may = (): boolean => true;
    expect(accessOf(grantScopes(everything, { may, self: false }))).toMatchObject({
      catalog: true,
      self: false,
    });
    expect(accessOf(grantScopes(everything, { may, self: true }))).toMatchObject({ self: true });
    expect(accessOf(everything).repository('pull', 'catalog')).toBe(false);
  });
});
