import { defineErrors } from '#errors';

/** Errors of the registry; `answers.ts` says which code of the protocol each becomes. */
export const registryErrors = defineErrors('registry', {
  blobUnknown: {
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
  uploadInvalid: {
    kind: 'invalid-argument',
    message: (p: { reason: string }) => `blob upload invalid: ${p.reason}`,
  },
  rangeInvalid: {
    kind: 'failed-precondition',
    message: (p: { expected: number; found: string }) =>
      `the next chunk must begin at byte ${p.expected}, not at ${p.found}`,
    hint: 'ask for the upload status and go on from there',
  },
  digestInvalid: {
    kind: 'invalid-argument',
    message: (p: { expected: string; actual: string }) =>
      `provided digest did not match uploaded content: expected ${p.expected}, content has ${p.actual}`,
  },
  digestMalformed: {
    kind: 'invalid-argument',
    message: (p: { digest: string }) => `this is not a digest: ${JSON.stringify(p.digest)}`,
  },
  sizeInvalid: {
    kind: 'invalid-argument',
    message: (p: { expected: number; actual: number }) =>
      `provided length did not match content length: expected ${p.expected}, found ${p.actual}`,
  },
  manifestUnknown: {
    kind: 'not-found',
    message: (p: { repository: string; reference: string }) =>
      `manifest unknown to registry: ${p.repository} ${p.reference}`,
  },
  manifestInvalid: {
    kind: 'invalid-argument',
    message: (p: { reason: string }) => `manifest invalid: ${p.reason}`,
  },
  manifestBlobUnknown: {
    kind: 'invalid-argument',
    message: (p: { digests: readonly string[] }) =>
      `manifest references a blob unknown to this repository: ${p.digests.join(', ')}`,
    hint: 'push or mount the blobs first',
  },
  manifestTooLarge: {
    kind: 'invalid-argument',
    message: (p: { limit: number }) => `the manifest is larger than ${p.limit} bytes`,
  },
  nameInvalid: {
    kind: 'invalid-argument',
    message: (p: { name: string }) => `invalid repository name: ${JSON.stringify(p.name)}`,
    hint: 'use lower-case letters and digits, separated by one of . _ __ - and by /',
  },
  tagInvalid: {
    kind: 'invalid-argument',
    message: (p: { tag: string }) => `invalid tag: ${JSON.stringify(p.tag)}`,
    hint: 'use at most 128 letters, digits, dots, dashes and underscores, not beginning with a dot or dash',
  },
  tooManyTags: {
    kind: 'invalid-argument',
    message: (p: { limit: number }) => `more than ${p.limit} tags in one request`,
  },
  nameUnknown: {
    kind: 'not-found',
    message: (p: { name: string }) => `repository name not known to registry: ${p.name}`,
  },
  pageInvalid: {
    kind: 'invalid-argument',
    message: (p: { value: string }) => `n must be a number from 0 on, not ${JSON.stringify(p.value)}`,
  },
  blobInUse: {
    kind: 'failed-precondition',
    message: (p: { digest: string; manifest: string }) =>
      `blob ${p.digest} is part of manifest ${p.manifest}`,
    hint: 'delete the manifest first',
  },
  unauthorized: {
    kind: 'unauthenticated',
    message: () => 'authentication required',
    hint: 'log in with a name and password that this registry knows',
  },
  routeUnknown: {
    kind: 'not-found',
    message: (p: { path: string }) => `there is nothing at ${p.path}`,
  },
  unsupported: {
    kind: 'unsupported',
    message: (p: { method: string; path: string }) => `${p.method} is not supported at ${p.path}`,
  },
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
  htpasswdUnreadable: {
    kind: 'invalid-argument',
    message: (p: { path: string; reason: string }) => `cannot read the users of ${p.path}: ${p.reason}`,
    hint: 'make it with `htpasswd -Bc FILE NAME`; only bcrypt entries are accepted',
  },
});
