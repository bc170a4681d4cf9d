import { defineErrors } from '#errors';

/** Errors of names, manifests and the registry's records. */
export const metadataErrors = defineErrors('metadata', {
  digestMalformed: {
    kind: 'invalid-argument',
    message: (p: { digest: string }) => `this is not a digest: ${JSON.stringify(p.digest)}`,
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
  patternInvalid: {
    kind: 'invalid-argument',
    message: (p: { pattern: string; reason: string }) =>
      `invalid pattern of repositories ${JSON.stringify(p.pattern)}: ${p.reason}`,
    hint: 'write components between slashes: * within one component, ** for any number of components',
  },
  nameTaken: {
    kind: 'already-exists',
    message: (p: { name: string }) => `the name ${p.name} is taken`,
    hint: 'choose another one, or remove what has it',
  },
  tagWriteOnce: {
    kind: 'already-exists',
    message: (p: { repository: string; tag: string; digest: string }) =>
      `tag ${p.repository}:${p.tag} is write-once and points to ${p.digest}`,
    hint: 'push under another tag; the administrators of the registry decide which tags never move',
  },
  tagNotDeletable: {
    kind: 'already-exists',
    message: (p: { repository: string; tag: string }) =>
      `tag ${p.repository}:${p.tag} is write-once: neither it nor its manifest can be deleted`,
    hint: 'the administrators of the registry decide which tags stay',
  },
  quotaExceeded: {
    kind: 'permission-denied',
    message: (p: {
      repositories: string;
      scope: string | undefined;
      used: number;
      limit: number;
      asked: number;
    }) =>
      `quota of ${p.repositories}${p.scope === undefined ? '' : ` (${p.scope})`} exceeded: ${p.used} of ${p.limit} bytes are used, ${p.asked} more were asked for`,
    hint: 'delete tags that nobody needs and let the registry collect, or ask its administrators for more',
  },
  tagHistoryUnknown: {
    kind: 'not-found',
    message: (p: { name: string; id?: number | undefined }) =>
      p.id === undefined ? `there is no history of ${p.name}` : `entry ${p.id} is none of ${p.name}`,
    hint: '`lade registry history` lists the entries',
  },
  tagWasAbsent: {
    kind: 'failed-precondition',
    message: (p: { name: string; when: string }) => `there was no ${p.name} ${p.when}`,
    hint: 'choose an entry of `lade registry history` that moved the tag to a manifest',
  },
  restoreManifestGone: {
    kind: 'failed-precondition',
    message: (p: { name: string; digest: string; removal: string | undefined }) =>
      `${p.name} cannot point to ${p.digest} again: the repository no longer has that manifest`,
    hint: (p: { removal: string | undefined }) =>
      p.removal === undefined
        ? 'push the manifest again; what was removed can be brought back for a set time only'
        : `\`lade registry gc undo ${p.removal}\` brings the manifest back`,
  },
  manifestInvalid: {
    kind: 'invalid-argument',
    message: (p: { reason: string }) => `manifest invalid: ${p.reason}`,
  },
  tagMoved: {
    kind: 'failed-precondition',
    message: (p: { repository: string; tag: string; digest: string }) =>
      `${p.repository}:${p.tag} is not what the request expects: it is ${p.digest}`,
    hint: 'pull it again, and push with the ETag of that answer',
  },
  schemaOne: {
    kind: 'invalid-argument',
    message: () => 'manifest invalid: Docker image manifests of schema 1 are not accepted',
    hint: 'push with Docker 1.10 or newer, or convert the image with `skopeo copy --format v2s2`',
  },
  manifestBlobUnknown: {
    kind: 'invalid-argument',
    message: (p: { digests: readonly string[] }) =>
      `manifest references a blob unknown to this repository: ${p.digests.join(', ')}`,
    hint: 'push or mount the blobs first',
  },
  removalGone: {
    kind: 'not-found',
    message: (p: { id: string }) => `there is nothing left of ${p.id} to bring back`,
    hint: '`lade registry gc ls` shows what can be undone, and until when',
  },
});
