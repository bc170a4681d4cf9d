import { ALL_ACTIONS, isAction } from './roles.ts';
import type { Action } from './types.ts';

/** What a token gives access to; the entries of its `access` claim. */
export interface AccessEntry {
  readonly type: string;
  readonly name: string;
  readonly actions: readonly string[];
}

/** Scope of the list of repositories. */
export const CATALOG = 'catalog';
/** Scope of everything that the caller may: what `lade registry` asks for. */
export const SELF = 'self';

const MAX_SCOPES = 100;
const MAX_SCOPE = 1_000;

/** `type:name:actions`; the type may have a class, which means nothing any more. */
const SCOPE = /^([a-z0-9]+)(?:\([a-z0-9]+\))?:(.+):([a-z*,]*)$/i;

/**
 * Reads one scope. The name may hold colons, of a port for instance, so that only the first and the last one count.
 * Undefined for what is no scope.
 */
export const parseScope = (text: string): AccessEntry | undefined => {
  const match = text.length > MAX_SCOPE ? null : SCOPE.exec(text);
  if (match === null) return undefined;
  const [, type = '', name = '', actions = ''] = match;
  return {
    type: type.toLowerCase(),
    name,
    actions: [...new Set(actions.split(',').filter((one) => one !== ''))],
  };
};

/** Scopes of several parameters, each of which may hold several; what is no scope is left out. */
export const parseScopes = (parameters: readonly string[]): readonly AccessEntry[] =>
  parameters
    .flatMap((parameter) => parameter.split(' '))
    .filter((text) => text !== '')
    .slice(0, MAX_SCOPES)
    .flatMap((text) => parseScope(text) ?? []);

/** What may be granted to somebody. */
export interface Grantable {
  may(action: Action, repository: string): boolean;
  /** Whether a token may stand for all that they may. */
  readonly self: boolean;
}

const wanted = (actions: readonly string[]): readonly Action[] =>
  actions.includes('*') ? ALL_ACTIONS : actions.filter(isAction);

const grantOne = ({ type, name, actions }: AccessEntry, grantable: Grantable): readonly string[] => {
  if (type === 'repository') return wanted(actions).filter((action) => grantable.may(action, name));
  if (type !== 'registry' || !actions.includes('*')) return [];
  return name === CATALOG || (name === SELF && grantable.self) ? ['*'] : [];
};

/**
 * The intersection of what is asked for and what may be: never more than either. Entries of the same repository become
 * one; entries without actions are left out.
 */
export const grantScopes = (asked: readonly AccessEntry[], grantable: Grantable): readonly AccessEntry[] => {
  const granted = new Map<string, AccessEntry>();
  for (const entry of asked) {
    const key = `${entry.type} ${entry.name}`;
    const before = granted.get(key)?.actions ?? [];
    const actions = [...new Set([...before, ...grantOne(entry, grantable)])];
    if (actions.length > 0) granted.set(key, { type: entry.type, name: entry.name, actions });
  }
  return [...granted.values()];
};

/** The scope in the protocol's text. */
export const scopeText = ({ type, name, actions }: AccessEntry): string =>
  `${type}:${name}:${actions.join(',')}`;

/** Whether an entry gives all actions (`*`) or this one. */
const gives = ({ actions }: AccessEntry, action: string): boolean =>
  actions.includes(action) || actions.includes('*');

/** Answers what a list of entries gives access to. */
export const accessOf = (entries: readonly AccessEntry[]) => {
  const byRepository = new Map<string, AccessEntry[]>();
  for (const entry of entries.filter(({ type }) => type === 'repository'))
    byRepository.set(entry.name, [...(byRepository.get(entry.name) ?? []), entry]);
  const registry = entries.filter(({ type }) => type === 'registry');
  return {
    repository: (action: Action, name: string): boolean =>
      byRepository.get(name)?.some((entry) => gives(entry, action)) === true,
    catalog: registry.some((entry) => entry.name === CATALOG && gives(entry, '*')),
    self: registry.some((entry) => entry.name === SELF && gives(entry, '*')),
  };
};
