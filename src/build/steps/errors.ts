import { shownPlace, type Place } from '#dockerfile';
import { defineErrors } from '#errors';

const tail = (output: string): string => (output === '' ? '' : `\n${output}`);

export const stepsErrors = defineErrors('steps', {
  notSupported: {
    kind: 'unsupported',
    message: (p: Place & { readonly what: string; readonly instead?: string | undefined }) =>
      `${p.what} is not supported yet${shownPlace(p)}`,
    hint: (p: { readonly instead?: string | undefined }) => p.instead ?? 'build without it',
  },
  copyConflict: {
    kind: 'failed-precondition',
    message: (p: Place & { readonly problem: string }) => `${p.problem}${shownPlace(p)}`,
    hint: 'a directory cannot take the place of a file, nor a file that of a directory; name the final path',
  },
  layerRefused: {
    kind: 'failed-precondition',
    message: (p: Place & { readonly reason: string; readonly archives: readonly string[] }) =>
      `${p.archives.length === 0 ? 'what is copied' : `the archive ${p.archives.join(' or ')}`} cannot be part of an image: ${p.reason}${shownPlace(p)}`,
    hint: (p: { readonly archives: readonly string[] }) =>
      p.archives.length === 0
        ? 'rename the file, or leave it out in .dockerignore'
        : 'make the archive again: each entry must be one that tar can extract there, in the order of the archive',
  },
  runFailed: {
    kind: 'failed-precondition',
    message: (p: Place & { readonly command: string; readonly exitCode: number; readonly output: string }) =>
      `process ${JSON.stringify(p.command)} did not complete successfully: exit code: ${p.exitCode}${tail(p.output)}${shownPlace(p)}`,
    hint: 'the last lines of its output are above; correct the command and build again',
  },
  hostCaUnreadable: {
    kind: 'failed-precondition',
    message: (p: { readonly path: string }) =>
      `the certificate bundle for build steps cannot be read: ${p.path}`,
    hint: 'name a file that exists with --host-ca, or unset NODE_EXTRA_CA_CERTS and SSL_CERT_FILE of the daemon',
  },
  missingSecret: {
    kind: 'not-found',
    message: (p: Place & { readonly id: string }) =>
      `secret ${p.id} is required but was not given${shownPlace(p)}`,
    hint: (p: { readonly id: string }) => `give it with --secret id=${p.id},src=FILE`,
  },
  missingAgent: {
    kind: 'not-found',
    message: (p: Place & { readonly id: string }) =>
      `SSH agent ${p.id} is required but was not given${shownPlace(p)}`,
    hint: (p: { readonly id: string }) => `give it with --ssh ${p.id}, or --ssh ${p.id}=SOCKET`,
  },
  agentUnreachable: {
    kind: 'failed-precondition',
    message: (p: Place & { readonly id: string; readonly socket: string }) =>
      `there is no SSH agent at ${p.socket} (--ssh ${p.id})${shownPlace(p)}`,
    hint: 'start ssh-agent and name the socket that it prints as SSH_AUTH_SOCK',
  },
  notAllowed: {
    kind: 'permission-denied',
    message: (p: Place & { readonly what: string; readonly entitlement: string }) =>
      `${p.what} is not allowed: the build has no entitlement ${p.entitlement}${shownPlace(p)}`,
    hint: (p: { readonly entitlement: string }) =>
      `if you trust the Dockerfile, add --allow ${p.entitlement}`,
  },
  foreignPlatform: {
    kind: 'failed-precondition',
    message: (p: Place & { readonly platform: string; readonly reason: string }) =>
      `RUN for ${p.platform} cannot be carried out on this machine: ${p.reason}${shownPlace(p)}`,
    hint: 'install an emulator (Debian: qemu-user-static), which registers itself in binfmt_misc with the flag F, or build there; COPY needs none',
  },
  deviceMissing: {
    kind: 'not-found',
    message: (p: Place & { readonly device: string; readonly reason: string }) =>
      `the device ${p.device} is not on this machine: ${p.reason}${shownPlace(p)}`,
    hint: 'install the vendor’s CDI specification in /etc/cdi or /var/run/cdi, or build without --device',
  },
  copyFailed: {
    kind: 'failed-precondition',
    message: (p: { readonly reason: string }) => `files of a cache cannot be copied: ${p.reason}`,
    hint: 'look at the free space and at the file that is named, then try again',
  },
  cacheSourceMissing: {
    kind: 'not-found',
    message: (p: Place & { readonly id: string; readonly source: string }) =>
      `the cache ${p.id} has no directory ${p.source}${shownPlace(p)}`,
    hint: 'mount the cache without source first and make the directory, or leave source out',
  },
  cacheInUse: {
    kind: 'conflict',
    message: (p: { readonly id: string }) => `the cache ${p.id} is in use by a build step`,
    hint: 'wait until the build has ended and try again',
  },
  cacheAmbiguous: {
    kind: 'invalid-argument',
    message: (p: { readonly id: string; readonly keys: readonly string[] }) =>
      `${p.id} stands for several caches: ${p.keys.map((key) => key.slice(0, 12)).join(', ')}`,
    hint: 'name one by the key that lade cache ls shows',
  },
  cacheNotFound: {
    kind: 'not-found',
    message: (p: { readonly id: string }) => `there is no cache ${p.id}`,
    hint: 'lade cache ls shows the caches that there are',
  },
  outOfMemory: {
    kind: 'failed-precondition',
    message: (p: Place & { readonly command: string; readonly exitCode: number; readonly output: string }) =>
      `process ${JSON.stringify(p.command)} was killed for using more memory than the step may (--memory): exit code: ${p.exitCode}${tail(p.output)}${shownPlace(p)}`,
    hint: 'give the steps more with --memory, or let the command use less',
  },
  badLimit: {
    kind: 'invalid-argument',
    message: (p: { readonly problem: string }) => p.problem,
    hint: 'correct the limit, or leave it out',
  },
  badInstruction: {
    kind: 'invalid-argument',
    message: (p: Place & { readonly problem: string; readonly advice?: string | undefined }) =>
      `${p.problem}${shownPlace(p)}`,
    hint: (p: { readonly advice?: string | undefined }) => p.advice ?? 'correct the line and build again',
  },
});
