import { defineErrors } from '#errors';

/** Errors of a registry's directory. */
export const registryErrors = defineErrors('registry', {
  rootInUse: {
    kind: 'failed-precondition',
    message: (p: { path: string }) => `another registry already works on ${p.path}`,
    hint: 'stop it, or choose another directory',
  },
  layoutUnknown: {
    kind: 'failed-precondition',
    message: (p: { path: string; found: string }) =>
      `${p.path} has the layout ${JSON.stringify(p.found)}, which this version does not know`,
    hint: 'use the version that wrote it, or another directory',
  },
});
