import { defineErrors } from '#errors';

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
  htpasswdUnreadable: {
    kind: 'invalid-argument',
    message: (p: { path: string; reason: string }) => `cannot read the users of ${p.path}: ${p.reason}`,
    hint: 'make it with `htpasswd -Bc FILE NAME`; only bcrypt entries are accepted',
  },
});
