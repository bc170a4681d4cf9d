import type { Callers } from './callers.ts';
import type { OwnToken } from './own-tokens.ts';
import { accessOf } from './scopes.ts';
import type { Caller } from './types.ts';

const nobody = (caller: Caller): Caller => ({ ...caller, proof: 'bearer', loggedIn: false });

/**
 * The caller of a request with a token: no more than the token says, and no more than whom it stands for may at this
 * moment.
 */
export const bearerCaller = (callers: Callers, token: OwnToken): Caller => {
  const { identity, access, inPerson } = token;
  const whole = identity === undefined ? nobody(callers.anonymous()) : callers.of(identity);
  if (access === undefined) return { ...whole, administrator: false };
  const { repository, catalog, self } = accessOf(access);
  if (self) return { ...whole, proof: inPerson ? 'session' : 'bearer' };
  return {
    ...whole,
    administrator: false,
    lists: catalog,
    may: (action, name) => repository(action, name) && whole.may(action, name),
    mayOtherwise: (action, name) => whole.may(action, name),
    sees: (name) => whole.may('pull', name),
  };
};
