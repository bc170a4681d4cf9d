import { flagUsage, type FlagTable } from '#console';
import type { Group, Verb } from './verb-entry.ts';
import { VERBS } from './verbs.ts';

type Entries = Readonly<Record<string, Verb | Group>>;

const listing = (entries: Entries, wanted: (entry: Verb | Group) => boolean): string => {
  const rows = Object.entries(entries).filter(([, entry]) => entry.hidden !== true && wanted(entry));
  const width = Math.max(...rows.map(([name]) => name.length)) + 2;
  return rows
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, entry]) => `  ${name.padEnd(width)}${entry.summary}`)
    .join('\n');
};

const COMMON = ['run', 'exec', 'ps', 'build', 'pull', 'push', 'images', 'login', 'logout', 'version', 'info'];

const common = (): string =>
  COMMON.map((name) => `  ${name.padEnd(10)}${VERBS[name]?.summary ?? ''}`).join('\n');

const isGroup = (entry: Verb | Group): boolean => 'verbs' in entry;

/** `lade --help`. */
export const rootText = (flags: FlagTable): string => {
  const rest = Object.fromEntries(Object.entries(VERBS).filter(([name]) => !COMMON.includes(name)));
  return [
    'Usage:  lade [OPTIONS] COMMAND',
    '',
    'Builds, stores, ships and runs container images',
    '',
    'Common Commands:',
    common(),
    '',
    'Management Commands:',
    listing(rest, isGroup),
    '',
    'Commands:',
    listing(rest, (entry) => !isGroup(entry)),
    '',
    'Global Options:',
    flagUsage(flags),
    '',
    "Run 'lade COMMAND --help' for more information on a command.",
    '',
  ].join('\n');
};

/** `lade network --help`. */
export const groupText = (name: string, group: Group): string =>
  [
    `Usage:  lade ${name} COMMAND`,
    '',
    group.summary,
    '',
    'Commands:',
    listing(group.verbs, () => true),
    '',
    `Run 'lade ${name} COMMAND --help' for more information on a command.`,
    '',
  ].join('\n');
