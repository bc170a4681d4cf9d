import { defineErrors } from '#errors';

/** Errors of the protocol itself; `codes.ts` says which code each error becomes. */
export const protocolErrors = defineErrors('protocol', {
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
  manifestTooLarge: {
    kind: 'invalid-argument',
    message: (p: { limit: number }) => `the manifest is larger than ${p.limit} bytes`,
  },
  blobTooLarge: {
    kind: 'invalid-argument',
    message: (p: { limit: number }) => `the blob is larger than ${p.limit} bytes`,
    hint: 'an administrator of the registry can raise the limit',
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
  routeUnknown: {
    kind: 'not-found',
    message: (p: { path: string }) => `there is nothing at ${p.path}`,
  },
  unsupported: {
    kind: 'unsupported',
    message: (p: { method: string; path: string; allowed: string }) =>
      `${p.method} is not supported at ${p.path}`,
  },
});
