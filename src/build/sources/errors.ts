import { shownPlace, type Place } from '#dockerfile';
import { defineErrors } from '#errors';

export const sourcesErrors = defineErrors('sources', {
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
  sourceNotFound: {
    kind: 'not-found',
    message: (
      p: Place & {
        readonly source: string;
        readonly where: string;
        readonly advice?: string | undefined;
      },
    ) => `"${p.source}" is not in ${p.where}${shownPlace(p)}`,
    hint: (p: { readonly advice?: string | undefined }) =>
      p.advice ?? 'check the path: it counts from the root of the context, not from the Dockerfile',
  },
  sourceIgnored: {
    kind: 'not-found',
    message: (p: Place & { readonly source: string; readonly ignoreFile: string }) =>
      `"${p.source}" is excluded from the build context by ${p.ignoreFile}${shownPlace(p)}`,
    hint: (p: { readonly source: string; readonly ignoreFile: string }) =>
      `add the line !${p.source} to ${p.ignoreFile}, or take the pattern out that excludes it`,
  },
  contextChanged: {
    kind: 'conflict',
    message: (p: { readonly path: string }) => `"${p.path}" changed while it was being copied`,
    hint: 'build again once nothing writes to the context',
  },
  badRemote: {
    kind: 'invalid-argument',
    message: (p: { readonly url: string; readonly problem: string }) => `cannot fetch ${p.url}: ${p.problem}`,
    hint: 'write https://HOST/FILE, https://HOST/REPOSITORY.git[#REF[:DIRECTORY]] or git@HOST:REPOSITORY[#REF[:DIRECTORY]]',
  },
  remoteNotFound: {
    kind: 'not-found',
    message: (p: { readonly url: string; readonly problem: string }) => `cannot fetch ${p.url}: ${p.problem}`,
    hint: 'check the address; private repositories and files need a secret (GIT_AUTH_TOKEN, HTTP_AUTH_TOKEN_<host>)',
  },
  remoteRefused: {
    kind: 'unauthenticated',
    message: (p: { readonly url: string; readonly problem: string }) => `cannot fetch ${p.url}: ${p.problem}`,
    hint: 'give credentials: --secret id=GIT_AUTH_TOKEN for git, --secret id=HTTP_AUTH_TOKEN_<host> for files, --ssh for ssh',
  },
  remoteFailed: {
    kind: 'unavailable',
    message: (p: { readonly url: string; readonly problem: string }) => `cannot fetch ${p.url}: ${p.problem}`,
    hint: 'check the network and the address, and build again',
  },
  remoteTimedOut: {
    kind: 'timeout',
    message: (p: { readonly url: string; readonly seconds: number }) =>
      `cannot fetch ${p.url}: it took longer than ${p.seconds} seconds`,
    hint: 'check the network, or fetch it before the build and use the directory',
  },
  tooLarge: {
    kind: 'invalid-argument',
    message: (p: { readonly what: string; readonly limit: string }) => `${p.what} is larger than ${p.limit}`,
    hint: 'leave out what the build does not need; the limit keeps a wrong or hostile input from filling the disk',
  },
  spoolCancelled: { kind: 'cancelled', message: () => 'the context was not taken to its end' },
  checksumMismatch: {
    kind: 'corrupt',
    message: (p: { readonly url: string; readonly wanted: string; readonly got: string }) =>
      `${p.url} is not what --checksum asks for: wanted ${p.wanted}, got ${p.got}`,
    hint: 'it changed, or is not the right one: look at it, then correct the checksum',
  },
  gitMissing: {
    kind: 'failed-precondition',
    message: (p: { readonly url: string }) =>
      `cannot fetch ${p.url}: git is not installed on the machine of the daemon`,
    hint: 'install it (Debian: apt-get install git), or clone the repository and build the directory',
  },
  unpackerMissing: {
    kind: 'failed-precondition',
    message: (p: { program: string }) =>
      `the archive cannot be unpacked: the program ${p.program} was not found`,
    hint: 'install it on the machine of the daemon (Debian: xz-utils, bzip2), or pack the archive with gzip or zstd',
  },
  textTooLarge: {
    kind: 'invalid-argument',
    message: (p: { path: string }) => `${p.path} is larger than 16 MiB`,
    hint: 'is this the right file? Copy large content from files of its own',
  },
});
