import { defineErrors } from '#errors';

interface Named {
  readonly upstream: string;
}

/** Errors of what comes from, and goes to, elsewhere. */
export const upstreamErrors = defineErrors('upstreams', {
  namespaceUnknown: {
    kind: 'not-found',
    message: (p: { namespace: string }) => `this registry has nothing of ${p.namespace}`,
    hint: 'pull from that registry itself, or have it added to the upstreams of this one',
  },
  upstreamUnknown: {
    kind: 'not-found',
    message: (p: { prefix: string }) => `there is no upstream with the prefix ${JSON.stringify(p.prefix)}`,
    hint: '`lade registry upstream ls` lists them',
  },
  readOnlyName: {
    kind: 'permission-denied',
    message: (p: Named & { repository: string }) =>
      `${p.repository} is a copy of what ${p.upstream} has: it cannot be pushed to`,
    hint: 'push under another name',
  },
  unavailable: {
    kind: 'unavailable',
    message: (p: Named & { reason: string; retryAfterS: number }) => `${p.upstream}: ${p.reason}`,
    hint: 'try again later; what is kept of it can still be pulled',
  },
  busy: {
    kind: 'unavailable',
    message: (p: Named & { fetches: number; retryAfterS: number }) =>
      `${p.fetches} blobs are being fetched from ${p.upstream}, as many as may be at once`,
    hint: 'try again in a moment; `fetches` in the settings of this upstream is the bound',
  },
  rateLimited: {
    kind: 'unavailable',
    message: (p: Named & { retryAfterS: number }) => `${p.upstream} limits the rate of requests`,
    hint: 'wait, or set a login for it in the upstreams section of the registry',
  },
  refused: {
    kind: 'permission-denied',
    message: (p: Named & { reason: string }) => `${p.upstream} refuses this registry: ${p.reason}`,
    hint: 'check the user and password of this upstream in the settings of the registry',
  },
  wrongContent: {
    kind: 'unavailable',
    message: (p: Named & { reason: string; retryAfterS: number }) =>
      `${p.upstream} sent something else than what was asked for: ${p.reason}`,
    hint: 'try again; if it happens again, the upstream or something on the way alters content',
  },
  sourceInvalid: {
    kind: 'invalid-argument',
    message: (p: { source: string; reason: string }) => `${JSON.stringify(p.source)}: ${p.reason}`,
    hint: 'write HOST[:PORT] or HOST[:PORT]/REPOSITORY',
  },
  folderUnknown: {
    kind: 'invalid-argument',
    message: (p: { path: string }) =>
      `${p.path} is neither the storage of a docker-registry nor an OCI layout`,
    hint: 'name the folder that holds docker/registry/v2, or one with index.json and oci-layout',
  },
  layoutNameMissing: {
    kind: 'invalid-argument',
    message: (p: { path: string }) =>
      `${p.path} is an OCI layout: it does not say what its repository is called`,
    hint: 'say it with --to NAME',
  },
  pathNotAbsolute: {
    kind: 'invalid-argument',
    message: (p: { path: string }) => `${JSON.stringify(p.path)} is not an absolute path`,
  },
  filesUnsupported: {
    kind: 'unsupported',
    message: () => 'the blobs of this registry are no files on this machine',
  },
  backupUnfinished: {
    kind: 'failed-precondition',
    message: (p: { path: string }) => `${p.path} holds no finished backup`,
    hint: 'run `lade registry backup` to its end, then restore',
  },
  backupDamaged: {
    kind: 'corrupt',
    message: (p: { path: string; faults: readonly string[] }) =>
      `the backup in ${p.path} is damaged: ${p.faults.slice(0, 3).join('; ')}${p.faults.length > 3 ? ` and ${p.faults.length - 3} more` : ''}`,
    hint: 'restore another backup, or complete this one by running `lade registry backup` again',
  },
  backupForeign: {
    kind: 'failed-precondition',
    message: (p: { path: string; reason: string }) => `${p.path} cannot take a backup: ${p.reason}`,
    hint: 'name an empty folder, or one that holds earlier backups of this registry',
  },
  rootNotEmpty: {
    kind: 'failed-precondition',
    message: (p: { path: string }) => `${p.path} is not empty`,
    hint: 'restore into a folder that does not exist yet or is empty',
  },
});
