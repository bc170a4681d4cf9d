import { defineErrors } from '#errors';

const seeHelp = (p: { readonly hint: string }): string => p.hint;

/** What can be wrong with a command line or with a template. `hint` says what to do next. */
export const consoleErrors = defineErrors('console', {
  flagUnknown: {
    kind: 'invalid-argument',
    message: (p: { readonly flag: string; readonly hint: string }) => `unknown flag: ${p.flag}`,
    hint: seeHelp,
  },
  shorthandUnknown: {
    kind: 'invalid-argument',
    message: (p: { readonly letter: string; readonly token: string; readonly hint: string }) =>
      `unknown shorthand flag: '${p.letter}' in ${p.token}`,
    hint: seeHelp,
  },
  flagValueMissing: {
    kind: 'invalid-argument',
    message: (p: { readonly flag: string; readonly hint: string }) => `flag needs an argument: ${p.flag}`,
    hint: seeHelp,
  },
  flagValueInvalid: {
    kind: 'invalid-argument',
    message: (p: { readonly flag: string; readonly value: string; readonly problem: string }) =>
      `invalid argument "${p.value}" for "${p.flag}" flag: ${p.problem}`,
    hint: 'run the command with --help to see what this flag takes',
  },
  templateInvalid: {
    kind: 'invalid-argument',
    message: (p: { readonly problem: string }) => `template parsing error: template: ${p.problem}`,
    hint: "a template looks like '{{.Names}}'; '{{json .}}' shows every field",
  },
  detachKeysInvalid: {
    kind: 'invalid-argument',
    message: (p: { readonly keys: string }) => `invalid detach keys (${p.keys})`,
    hint: 'write single letters or ctrl-<letter>, joined by commas, such as ctrl-p,ctrl-q',
  },
  sizeInvalid: {
    kind: 'invalid-argument',
    message: (p: { readonly text: string }) => `invalid size: '${p.text}'`,
    hint: 'write a number with an optional unit b, k, m, g or t, such as 512m',
  },
  durationInvalid: {
    kind: 'invalid-argument',
    message: (p: { readonly text: string }) => `time: invalid duration "${p.text}"`,
    hint: 'write numbers with units ns, us, ms, s, m or h, such as 1m30s',
  },
});
