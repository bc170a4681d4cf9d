import type { Action } from './types.ts';

/** What each role may do; `none` takes away what a less exact grant gives. */
const ACTIONS = {
  none: [],
  reader: ['pull'],
  writer: ['pull', 'push'],
  maintainer: ['pull', 'push', 'delete'],
  admin: ['pull', 'push', 'delete', 'administer'],
} as const satisfies Readonly<Record<string, readonly Action[]>>;

/** What a grant gives for the repositories of its pattern. */
export type Role = keyof typeof ACTIONS;

/** From the least to the greatest. */
export const ROLES = Object.keys(ACTIONS) as readonly Role[];

/** Every action, in the order in which roles add them. */
export const ALL_ACTIONS: readonly Action[] = ACTIONS.admin;

export const isRole = (text: string): text is Role => Object.hasOwn(ACTIONS, text);

export const isAction = (text: string): text is Action => ALL_ACTIONS.some((action) => action === text);

export const roleAllows = (role: Role, action: Action): boolean =>
  (ACTIONS[role] as readonly Action[]).includes(action);

/** The greater of two roles. */
export const greaterRole = (a: Role, b: Role): Role => (ROLES.indexOf(a) >= ROLES.indexOf(b) ? a : b);
