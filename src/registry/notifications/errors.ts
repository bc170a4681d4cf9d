import { defineErrors } from '#errors';

export const notificationErrors = defineErrors('notifications', {
  endpointUnknown: {
    kind: 'not-found',
    message: (p: { name: string }) => `there is no webhook ${JSON.stringify(p.name)}`,
    hint: '`lade registry webhook ls` lists them; they are made in the settings',
  },
  refused: {
    kind: 'unavailable',
    message: (p: { status: number }) => `the endpoint answered ${p.status}`,
    hint: (p: { status: number }) =>
      p.status >= 300 && p.status < 400
        ? 'redirects are not followed: put the final URL into the settings'
        : 'its log may say why',
  },
});
