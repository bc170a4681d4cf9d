import { defineErrors } from '#errors';

export const registrydErrors = defineErrors('registryd', {
  usage: {
    kind: 'invalid-argument',
    message: (p: { reason: string }) => p.reason,
    hint: 'see `lade registry serve --help`',
  },
});
