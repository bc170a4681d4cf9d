import { defineErrors } from '#errors';

const seeHelp = (p: { readonly command: string }): string => `run '${p.command} --help' for more information`;

/** What can be wrong with what was asked of the command line. */
export const cliErrors = defineErrors('cli', {
  commandUnknown: {
    kind: 'invalid-argument',
    message: (p: { readonly command: string; readonly near: string | undefined; readonly help: string }) =>
      `unknown command: ${p.command}`,
    hint: (p: { readonly near: string | undefined; readonly help: string }) =>
      p.near === undefined
        ? `run '${p.help}' for more information`
        : `did you mean '${p.near}'? Otherwise run '${p.help}' for more information`,
  },
  argumentCount: {
    kind: 'invalid-argument',
    message: (p: { readonly command: string; readonly wanted: string }) => `'${p.command}' ${p.wanted}`,
    hint: seeHelp,
  },
  argumentInvalid: {
    kind: 'invalid-argument',
    message: (p: { readonly problem: string; readonly advice: string }) => p.problem,
    hint: (p: { readonly advice: string }) => p.advice,
  },
  optionsConflict: {
    kind: 'invalid-argument',
    message: (p: { readonly problem: string; readonly command: string }) =>
      `conflicting options: ${p.problem}`,
    hint: seeHelp,
  },
  checkFailed: {
    kind: 'internal',
    message: (p: { readonly problem: string }) => `the check did not come to its end: ${p.problem}`,
    hint: 'see the log of the daemon, and try again',
  },
  registryFailed: {
    kind: 'internal',
    message: (p: { readonly message: string; readonly hint: string }) => p.message,
    hint: (p: { readonly hint: string }) => p.hint,
  },
  notByThisEngine: {
    kind: 'unsupported',
    message: (p: { readonly option: string }) => `the engine that answers does not know ${p.option}`,
    hint: 'leave it out, or point LADE_HOST at a Lade daemon',
  },
  notSupported: {
    kind: 'unsupported',
    message: (p: { readonly feature: string; readonly instead: string }) =>
      `${p.feature} is not supported yet`,
    hint: (p: { readonly instead: string }) => p.instead,
  },
  fileUnreadable: {
    kind: 'invalid-argument',
    message: (p: { readonly path: string; readonly problem: string }) =>
      `cannot read ${p.path}: ${p.problem}`,
    hint: 'check the path and that you may read it',
  },
  fileUnwritable: {
    kind: 'invalid-argument',
    message: (p: { readonly path: string; readonly problem: string }) =>
      `cannot write ${p.path}: ${p.problem}`,
    hint: 'name a file in a folder that is there and that you may write to',
  },
  notFound: {
    kind: 'not-found',
    message: (p: { readonly what: string; readonly name: string }) => `No such ${p.what}: ${p.name}`,
    hint: "look at the lists: 'lade ps -a', 'lade images', 'lade volume ls', 'lade network ls'",
  },
  work: {
    kind: 'failed-precondition',
    message: (p: {
      readonly message: string;
      readonly advice: string;
      /** Exit code that the work itself names. */
      readonly exitCode?: number | undefined;
    }) => p.message,
    hint: (p: { readonly advice: string }) => p.advice,
  },
  daemonNotStarted: {
    kind: 'unavailable',
    message: (p: { readonly problem: string }) =>
      `the daemon that was started did not become ready: ${p.problem}`,
    hint: (p: { readonly log?: string }) =>
      `look into ${p.log ?? '/var/log/lade/daemon.log'}, or run 'lade daemon' in the foreground`,
  },
  daemonAbsent: {
    kind: 'unavailable',
    message: (p: { readonly host: string }) => `no Lade daemon answers at ${p.host}`,
    hint: "only root's command line starts one by itself: run 'sudo lade daemon', or name a daemon you may use with --host or LADE_HOST",
  },
});
