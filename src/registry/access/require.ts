import { accessErrors } from './errors.ts';
import type { Caller, Need } from './types.ts';

const refuse = (caller: Caller, action: string, repository: string): Error =>
  caller.loggedIn
    ? accessErrors.denied({ name: caller.name, action, repository })
    : accessErrors.unauthorized({});

/**
 * Checks that the caller may do all of it.
 *
 * @throws ACCESS_UNAUTHORIZED for the anonymous caller, who may log in; ACCESS_DENIED for everybody else
 */
export const requireNeeds = (caller: Caller, needs: readonly Need[]): void => {
  for (const need of needs) {
    if (need.kind === 'login' && !caller.loggedIn) throw accessErrors.unauthorized({});
    if (need.kind === 'administration' && !caller.administrator)
      throw refuse(caller, 'administer', 'this registry');
    if (need.kind !== 'repository') continue;
    for (const action of need.actions)
      if (!caller.may(action, need.repository)) throw refuse(caller, action, need.repository);
  }
};
