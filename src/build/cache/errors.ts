import { defineErrors } from '#errors';

/** Users know the errors of a build by one name: codes begin with `BUILDER_`. */
export const cacheErrors = defineErrors('builder', {
  noCacheArtifact: {
    kind: 'failed-precondition',
    message: (p: { readonly reference: string }) => `${p.reference} is not a cache of build steps`,
    hint: 'name what lade cache export pushed',
  },
  badCache: {
    kind: 'corrupt',
    message: (p: { readonly reason: string }) => `it is no usable build cache: ${p.reason}`,
    hint: 'write it again with --cache-to, or leave the --cache-from out',
  },
  cacheNotWritten: {
    kind: 'unavailable',
    message: (p: { readonly place: string; readonly reason: string }) =>
      `cannot write the build cache to ${p.place}: ${p.reason}`,
    hint: 'check the name, the login and the space there; the image itself was made',
  },
});
