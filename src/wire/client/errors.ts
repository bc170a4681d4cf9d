import { defineErrors, type ErrorFactory } from '#errors';

interface Answer {
  readonly status: number;
  readonly message: string;
  /** What the daemon says to do next; empty when it says nothing. */
  readonly hint: string;
}

const message = (p: Answer): string => p.message;
const hint = (p: Answer): string => p.hint;

/** What can go wrong between a client and its daemon, and what the daemon's statuses mean. */
export const clientErrors = defineErrors('client', {
  daemonUnreachable: {
    kind: 'unavailable',
    message: (p: { readonly host: string }) =>
      `cannot connect to the Lade daemon at ${p.host}. Is the daemon running?`,
    hint: "start one with 'lade daemon', or name another with --host or LADE_HOST",
  },
  daemonForbidden: {
    kind: 'permission-denied',
    message: (p: { readonly host: string }) =>
      `permission denied while connecting to the daemon at ${p.host}`,
    hint: 'run as root, or as a member of the group that owns the socket',
  },
  hostInvalid: {
    kind: 'invalid-argument',
    message: (p: { readonly host: string }) => `invalid daemon address: ${p.host}`,
    hint: 'write unix:///path/to/socket or tcp://host:port',
  },
  hostUnsupported: {
    kind: 'unsupported',
    message: (p: { readonly host: string }) => `this kind of daemon address is not supported yet: ${p.host}`,
    hint: 'forward the socket with ssh -L /tmp/lade.sock:/run/lade/lade.sock HOST and use unix:///tmp/lade.sock',
  },
  answerInvalid: {
    kind: 'corrupt',
    message: (p: { readonly problem: string }) => `the daemon's answer cannot be understood: ${p.problem}`,
    hint: 'check that the address is that of a Docker-compatible daemon',
  },
  answerCutShort: {
    kind: 'unavailable',
    message: () => 'the daemon closed the connection in the middle of its answer',
    hint: "look into the daemon's log, then try again",
  },
  configInvalid: {
    kind: 'invalid-argument',
    message: (p: { readonly path: string; readonly problem: string }) =>
      `cannot read ${p.path}: ${p.problem}`,
    hint: 'repair this file, or name another directory with DOCKER_CONFIG',
  },
  credentialHelperFailed: {
    kind: 'unavailable',
    message: (p: { readonly program: string; readonly problem: string }) =>
      `credential helper ${p.program} failed: ${p.problem}`,
    hint: 'check that the program is on the PATH and works, or remove it from config.json',
  },
  badRequest: { kind: 'invalid-argument', message, hint },
  unauthorized: { kind: 'unauthenticated', message, hint },
  forbidden: { kind: 'permission-denied', message, hint },
  notFound: { kind: 'not-found', message, hint },
  conflict: { kind: 'conflict', message, hint },
  preconditionFailed: { kind: 'failed-precondition', message, hint },
  unsupported: { kind: 'unsupported', message, hint },
  unavailable: { kind: 'unavailable', message, hint },
  serverFault: { kind: 'internal', message, hint },
});

const BY_STATUS: Readonly<Record<number, ErrorFactory<Answer>>> = {
  400: clientErrors.badRequest,
  401: clientErrors.unauthorized,
  403: clientErrors.forbidden,
  404: clientErrors.notFound,
  409: clientErrors.conflict,
  412: clientErrors.preconditionFailed,
  501: clientErrors.unsupported,
  503: clientErrors.unavailable,
};

/** The error that an answer with `status` ≥ 400 is. */
export const answerError = (answer: Answer): Error =>
  (BY_STATUS[answer.status] ?? (answer.status < 500 ? clientErrors.badRequest : clientErrors.serverFault))(
    answer,
  );
