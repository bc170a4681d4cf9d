import { defineErrors } from '#errors';

export const treesErrors = defineErrors('trees', {
  cannotOverwrite: {
    kind: 'invalid-argument',
    message: (p: { path: string }) =>
      `cannot overwrite: ${p.path} is a directory in one place and not in the other`,
  },
  archiveEscapes: {
    kind: 'invalid-argument',
    message: (p: { path: string }) => `the archive entry ${p.path} lies outside of its directory`,
  },
});
