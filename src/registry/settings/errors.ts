import { defineErrors } from '#errors';

/** One mistake in settings. */
export interface SettingsProblem {
  /** `FILE:LINE:COLUMN`, or the name of the variable or flag. */
  readonly place: string;
  /** Dotted key; empty for the whole. */
  readonly key: string;
  readonly reason: string;
}

const lineOf = ({ place, key, reason }: SettingsProblem): string =>
  [place, key, reason].filter((part) => part !== '').join(': ');

export const settingsErrors = defineErrors('settings', {
  invalid: {
    kind: 'invalid-argument',
    message: (p: { problems: readonly SettingsProblem[] }) => p.problems.map(lineOf).join('\n'),
    hint: '`lade registry config print --defaults` shows every key; `lade registry config check` checks a file',
  },
  unreadable: {
    kind: 'failed-precondition',
    message: (p: { path: string; reason: string }) => `cannot read the settings in ${p.path}: ${p.reason}`,
    hint: 'name another file with --config',
  },
});
