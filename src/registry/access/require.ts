import { accessErrors } from './errors.ts';
import type { Action, Caller, Need } from './types.ts';

const refuse = (caller: Caller, action: string, repository: string): Error =>
  caller.loggedIn
    ? accessErrors.denied({ name: caller.name, action, repository })
    : accessErrors.unauthorized({});

/** Whoever may it with another token is asked to get one. */
const refuseAction = (caller: Caller, action: Action, repository: string): Error =>
  caller.mayOtherwise?.(action, repository) === true
    ? accessErrors.unauthorized({})
    : refuse(caller, action, repository);

const mayList = (caller: Caller): boolean => caller.lists ?? caller.loggedIn;

/** Whether lists of repositories show this one to the caller. */
export const isVisible = (caller: Caller, repository: string): boolean =>
  caller.administrator || (caller.sees?.(repository) ?? caller.may('pull', repository));

/**
 * Checks that the caller may do all of it.
 *
 * @throws ACCESS_UNAUTHORIZED for the anonymous caller, who may log in; ACCESS_DENIED for everybody else
 */
export const requireNeeds = (caller: Caller, needs: readonly Need[]): void => {
  for (const need of needs) {
    if (need.kind === 'login' && !caller.loggedIn) throw accessErrors.unauthorized({});
    if (need.kind === 'proof' && !caller.loggedIn && caller.proof !== 'bearer')
      throw accessErrors.unauthorized({});
    if (need.kind === 'administration' && !caller.administrator)
      throw refuse(caller, 'administer', 'this registry');
    if (need.kind === 'catalog' && !mayList(caller)) throw accessErrors.unauthorized({});
    if (need.kind !== 'repository') continue;
    for (const action of need.actions)
      if (!caller.may(action, need.repository)) throw refuseAction(caller, action, need.repository);
  }
};
