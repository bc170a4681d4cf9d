import { defineErrors } from '#errors';

interface Place {
  readonly file: string;
  readonly line: number;
  readonly excerpt: string;
}

const at = (p: Place): string => `\n${p.file}:${p.line}\n${p.excerpt}`;

const tail = (output: string): string => (output === '' ? '' : `\n${output}`);

export const builderErrors = defineErrors('builder', {
  noDockerfile: {
    kind: 'not-found',
    message: (p: { readonly path: string; readonly context: string; readonly nearby?: string | undefined }) =>
      `failed to read Dockerfile: ${p.path} is not in the build context (${p.context})`,
    hint: (p: { readonly nearby?: string | undefined }) =>
      p.nearby === undefined
        ? 'name the file with -f, or build in the directory that holds it'
        : `did you mean ${p.nearby}? Name it with -f`,
  },
  contextNotFound: {
    kind: 'not-found',
    message: (p: { readonly path: string }) => `unable to prepare context: path "${p.path}" not found`,
    hint: 'give a directory that exists on the machine of the daemon',
  },
  contextNotDirectory: {
    kind: 'invalid-argument',
    message: (p: { readonly path: string }) => `unable to prepare context: "${p.path}" is not a directory`,
    hint: 'give the directory that holds the files; the Dockerfile is named with -f',
  },
  unsafeContext: {
    kind: 'invalid-argument',
    message: (p: { readonly path: string }) => `the context archive has an entry outside of it: ${p.path}`,
    hint: 'send an archive with relative paths inside one directory',
  },
  unknownTarget: {
    kind: 'not-found',
    message: (p: {
      readonly target: string;
      readonly stages: readonly string[];
      readonly nearby?: string | undefined;
    }) => `target stage "${p.target}" could not be found`,
    hint: (p: { readonly stages: readonly string[]; readonly nearby?: string | undefined }) =>
      p.nearby === undefined ? `the stages are: ${p.stages.join(', ')}` : `did you mean ${p.nearby}?`,
  },
  blankBase: {
    kind: 'invalid-argument',
    message: (p: Place & { readonly word: string }) => `base name (${p.word}) should not be blank${at(p)}`,
    hint: 'give the ARG a default before the first FROM, or pass it with --build-arg',
  },
  baseNotFound: {
    kind: 'not-found',
    message: (p: Place & { readonly reference: string; readonly reason: string }) =>
      `there is no base image ${p.reference}: ${p.reason}${at(p)}`,
    hint: 'check its name and tag, log in when it is private, or import it first',
  },
  baseUnavailable: {
    kind: 'unavailable',
    message: (p: Place & { readonly reference: string; readonly reason: string }) =>
      `cannot fetch the base image ${p.reference}: ${p.reason}${at(p)}`,
    hint: 'it is not on this machine: check the network and the name, or import it first',
  },
  badInstruction: {
    kind: 'invalid-argument',
    message: (p: Place & { readonly problem: string; readonly advice?: string | undefined }) =>
      `${p.problem}${at(p)}`,
    hint: (p: { readonly advice?: string | undefined }) => p.advice ?? 'correct the line and build again',
  },
  notSupported: {
    kind: 'unsupported',
    message: (p: Place & { readonly what: string; readonly instead?: string | undefined }) =>
      `${p.what} is not supported yet${at(p)}`,
    hint: (p: { readonly instead?: string | undefined }) => p.instead ?? 'build without it',
  },
  sourceNotFound: {
    kind: 'not-found',
    message: (
      p: Place & {
        readonly source: string;
        readonly where: string;
        readonly advice?: string | undefined;
      },
    ) => `"${p.source}" is not in ${p.where}${at(p)}`,
    hint: (p: { readonly advice?: string | undefined }) =>
      p.advice ?? 'check the path: it counts from the root of the context, not from the Dockerfile',
  },
  sourceIgnored: {
    kind: 'not-found',
    message: (p: Place & { readonly source: string; readonly ignoreFile: string }) =>
      `"${p.source}" is excluded from the build context by ${p.ignoreFile}${at(p)}`,
    hint: (p: { readonly source: string; readonly ignoreFile: string }) =>
      `add the line !${p.source} to ${p.ignoreFile}, or take the pattern out that excludes it`,
  },
  copyConflict: {
    kind: 'failed-precondition',
    message: (p: Place & { readonly problem: string }) => `${p.problem}${at(p)}`,
    hint: 'a directory cannot take the place of a file, nor a file that of a directory; name the final path',
  },
  contextChanged: {
    kind: 'conflict',
    message: (p: { readonly path: string }) => `"${p.path}" changed while it was being copied`,
    hint: 'build again once nothing writes to the context',
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
  textTooLarge: {
    kind: 'invalid-argument',
    message: (p: { path: string }) => `${p.path} is larger than 16 MiB`,
    hint: 'is this the right file? Copy large content from files of its own',
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
});
