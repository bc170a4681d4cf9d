import { defineErrors } from '#errors';

interface Place {
  readonly file: string;
  readonly line: number;
  readonly excerpt: string;
}

const at = (p: Place): string => `\n${p.file}:${p.line}\n${p.excerpt}`;

const tail = (output: string): string => (output === '' ? '' : `\n${output}`);

export const stepsErrors = defineErrors('steps', {
  notSupported: {
    kind: 'unsupported',
    message: (p: Place & { readonly what: string; readonly instead?: string | undefined }) =>
      `${p.what} is not supported yet${at(p)}`,
    hint: (p: { readonly instead?: string | undefined }) => p.instead ?? 'build without it',
  },
  copyConflict: {
    kind: 'failed-precondition',
    message: (p: Place & { readonly problem: string }) => `${p.problem}${at(p)}`,
    hint: 'a directory cannot take the place of a file, nor a file that of a directory; name the final path',
  },
  runFailed: {
    kind: 'failed-precondition',
    message: (p: Place & { readonly command: string; readonly exitCode: number; readonly output: string }) =>
      `process "${p.command}" did not complete successfully: exit code: ${p.exitCode}${tail(p.output)}${at(p)}`,
    hint: 'the last lines of its output are above; correct the command and build again',
  },
  hostCaUnreadable: {
    kind: 'failed-precondition',
    message: (p: { readonly path: string }) =>
      `the certificate bundle for build steps cannot be read: ${p.path}`,
    hint: 'name a file that exists with --host-ca, or unset NODE_EXTRA_CA_CERTS and SSL_CERT_FILE of the daemon',
  },
  unpackerMissing: {
    kind: 'failed-precondition',
    message: (p: { program: string }) =>
      `ADD cannot unpack the archive: the program ${p.program} was not found`,
    hint: 'install it on the machine of the daemon (Debian: xz-utils, bzip2), or pack the archive with gzip or zstd',
  },
  missingSecret: {
    kind: 'not-found',
    message: (p: Place & { readonly id: string }) => `secret ${p.id} is required but was not given${at(p)}`,
    hint: (p: { readonly id: string }) => `give it with --secret id=${p.id},src=FILE`,
  },
  badInstruction: {
    kind: 'invalid-argument',
    message: (p: Place & { readonly problem: string; readonly advice?: string | undefined }) =>
      `${p.problem}${at(p)}`,
    hint: (p: { readonly advice?: string | undefined }) => p.advice ?? 'correct the line and build again',
  },
});
