import { defineErrors } from '#errors';

/** Users know the errors of a build by one name: codes begin with `BUILDER_`. */
export const historyErrors = defineErrors('builder', {
  unknownBuild: {
    kind: 'not-found',
    message: (p: { readonly build: string }) => `there is no build ${p.build}`,
    hint: 'lade builder history shows the builds that are remembered',
  },
  ambiguousBuild: {
    kind: 'invalid-argument',
    message: (p: { readonly build: string; readonly ids: readonly string[] }) =>
      `several builds begin with ${p.build}: ${p.ids.slice(0, 5).join(', ')}`,
    hint: 'give more digits of its ID',
  },
  buildRuns: {
    kind: 'conflict',
    message: (p: { readonly id: string }) => `build ${p.id} still runs`,
    hint: 'wait for its end, or interrupt it where it was started',
  },
});
