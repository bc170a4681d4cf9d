import { defineErrors, type LadeError } from '#errors';

/** Errors of access control. */
export const accessErrors = defineErrors('access', {
  unauthorized: {
    kind: 'unauthenticated',
    message: () => 'authentication required',
    hint: 'log in with a name and password that this registry knows',
  },
  denied: {
    kind: 'permission-denied',
    message: (p: { name: string; action: string; repository: string }) =>
      `${p.name} may not ${p.action} ${p.repository}`,
    hint: 'ask an administrator of the registry for a grant',
  },
  throttled: {
    kind: 'unavailable',
    message: (p: { retryAfterSeconds: number }) =>
      `too many logins; try again in ${p.retryAfterSeconds} seconds`,
    hint: 'check the name and the password, and what else logs in from this address',
  },
  nameInvalid: {
    kind: 'invalid-argument',
    message: (p: { name: string }) => `invalid name: ${JSON.stringify(p.name)}`,
    hint: 'use at most 128 letters, digits, dots, dashes, underscores and @, beginning with a letter or a digit',
  },
  passwordTooShort: {
    kind: 'invalid-argument',
    message: (p: { least: number }) => `the password has fewer than ${p.least} characters`,
    hint: 'choose a longer one',
  },
  passwordTooLong: {
    kind: 'invalid-argument',
    message: (p: { most: number }) => `the password has more than ${p.most} characters`,
    hint: 'choose a shorter one',
  },
  wordUnknown: {
    kind: 'invalid-argument',
    message: (p: { what: string; word: string; known: readonly string[] }) =>
      `${JSON.stringify(p.word)} is no ${p.what}`,
    hint: (p: { known: readonly string[] }) => `write one of ${p.known.join(', ')}`,
  },
  accountUnknown: {
    kind: 'not-found',
    message: (p: { name: string }) => `there is no account ${p.name}`,
    hint: 'see `lade registry user ls` and `lade registry robot ls`',
  },
  tokenUnknown: {
    kind: 'not-found',
    message: (p: { name: string }) => `there is no token ${p.name}`,
    hint: 'see `lade registry token ls`',
  },
  grantUnknown: {
    kind: 'not-found',
    message: (p: { subject: string; pattern: string }) => `${p.subject} has no grant on ${p.pattern}`,
    hint: 'see `lade registry grant ls`',
  },
  passwordNeeded: {
    kind: 'permission-denied',
    message: (p: { what: string }) => `${p.what} needs your password, not a token`,
    hint: 'log in with the password, or ask an administrator',
  },
  oldPasswordNeeded: {
    kind: 'permission-denied',
    message: () => 'a new password of your own needs the old one, and that was not given',
    hint: 'give the old password as `lade registry user passwd` (without NAME) asks for it, or ask an administrator',
  },
  serviceUnknown: {
    kind: 'invalid-argument',
    message: (p: { service: string; known: string }) =>
      `tokens are made here for ${p.known}, not for ${JSON.stringify(p.service)}`,
    hint: 'ask for the service that the challenge of the registry names',
  },
  grantTypeUnknown: {
    kind: 'invalid-argument',
    message: (p: { type: string }) => `unsupported grant type ${JSON.stringify(p.type)}`,
    hint: 'use password or refresh_token',
  },
  issuerUnreachable: {
    kind: 'unavailable',
    message: (p: { url: string; reason: string }) => `cannot use ${p.url}: ${p.reason}`,
    hint: 'check the address of the issuer in the settings, and that it can be reached from here',
  },
  signInFailed: {
    kind: 'unauthenticated',
    message: (p: { reason: string }) => `the sign-in failed: ${p.reason}`,
    hint: 'begin again at /lade/v1/registry/oidc/login',
  },
  signInUnknown: {
    kind: 'not-found',
    message: () => 'there is no sign-in through another service here',
    hint: 'set access.oidc, or log in with a password',
  },
  htpasswdUnreadable: {
    kind: 'invalid-argument',
    message: (p: { path: string; reason: string }) => `cannot read the users of ${p.path}: ${p.reason}`,
    hint: 'make it with `htpasswd -Bc FILE NAME`; only bcrypt entries are accepted',
  },
});

/** Seconds that a throttled client is to wait. */
export const retryAfterOf = ({ details }: LadeError): number => Number(details?.['retryAfterSeconds'] ?? 1);
