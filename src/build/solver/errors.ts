import { defineErrors } from '#errors';

export const solverErrors = defineErrors('solver', {
  cycle: {
    kind: 'invalid-argument',
    message: (p: { readonly id: string }) => `the graph has a cycle through ${p.id}`,
    hint: 'a step may only use steps that do not use it',
  },
});
