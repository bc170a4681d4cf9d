import { defineErrors } from '#errors';

export const systemRoomErrors = defineErrors('settings', {
  unknown: {
    kind: 'not-found',
    message: (p: { key: string; known: string }) => `there is no setting ${p.key}`,
    hint: (p: { key: string; known: string }) => `settings are: ${p.known}`,
  },
  valueInvalid: {
    kind: 'invalid-argument',
    message: (p: { key: string; value: string; expected: string }) =>
      `invalid value for ${p.key}: ${JSON.stringify(p.value)} is not ${p.expected}`,
    hint: (p: { key: string; value: string; expected: string }) => `give ${p.expected}`,
  },
});
