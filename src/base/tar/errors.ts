import { defineErrors } from '#errors';

export const tarErrors = defineErrors('tar', {
  damaged: {
    kind: 'corrupt',
    message: (p: { offset: number; reason: string }) =>
      `the tar archive is damaged at byte ${p.offset}: ${p.reason}`,
    hint: 'make or transfer the archive again',
  },
  truncated: {
    kind: 'corrupt',
    message: (p: { offset: number; inside: string }) =>
      `the tar archive is cut off at byte ${p.offset}, inside ${p.inside}`,
    hint: 'make or transfer the archive again',
  },
  tooLarge: {
    kind: 'corrupt',
    message: (p: { offset: number; what: string; limit: number }) =>
      `the tar archive has ${p.what} of more than ${p.limit} bytes at byte ${p.offset}`,
    hint: 'this is not a usable archive; ask its publisher',
  },
  unsupported: {
    kind: 'unsupported',
    message: (p: { offset: number; type: string }) =>
      `the tar archive has an entry of type "${p.type}" at byte ${p.offset}`,
    hint: 'make the archive with GNU tar or another common tool',
  },
  notWritable: {
    kind: 'invalid-argument',
    message: (p: { path: string; reason: string }) =>
      `${p.path} cannot be put into a tar archive: ${p.reason}`,
  },
});
