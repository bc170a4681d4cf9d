import { defineErrors } from '#errors';

/** Errors of blob storage. */
export const blobErrors = defineErrors('blobs', {
  unknown: {
    kind: 'not-found',
    message: (p: { digest: string }) => `blob unknown to registry: ${p.digest}`,
  },
  uploadUnknown: {
    kind: 'not-found',
    message: (p: { id: string }) => `blob upload unknown to registry: ${p.id}`,
    hint: 'begin a new upload',
  },
  uploadBusy: {
    kind: 'conflict',
    message: (p: { id: string }) => `another request writes to upload ${p.id}`,
    hint: 'wait for it, or begin a new upload',
  },
  repositoryInvalid: {
    kind: 'invalid-argument',
    message: (p: { repository: string }) =>
      `no uploads can be kept for the repository ${JSON.stringify(p.repository)}`,
  },
  digestInvalid: {
    kind: 'invalid-argument',
    message: (p: { expected: string; actual: string }) =>
      `provided digest did not match uploaded content: expected ${p.expected}, content has ${p.actual}`,
  },
});
