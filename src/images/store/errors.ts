import { defineErrors } from '#errors';

export const storeErrors = defineErrors('store', {
  rootInUse: {
    kind: 'failed-precondition',
    message: (p: { path: string; holder: string }) => `${p.path} is in use by another process${p.holder}`,
    hint: 'talk to that process (set DOCKER_HOST to its socket), end it, or choose another root directory',
  },
  layoutNewer: {
    kind: 'failed-precondition',
    message: (p: { path: string; found: number; known: number }) =>
      `${p.path} has layout ${p.found}, and this version of Lade knows layouts up to ${p.known}`,
    hint: 'use the newer Lade that wrote it, or another root directory',
  },
  databaseGone: {
    kind: 'corrupt',
    message: (p: { path: string; what: string }) =>
      `${p.path} holds ${p.what}, but its database (lade.db with lade.db-wal) is gone or empty`,
    hint: 'put both files back as they were; to begin without what is there, use another root directory',
  },
  versionUnreadable: {
    kind: 'corrupt',
    message: (p: { path: string }) => `${p.path} does not hold a layout number`,
    hint: 'restore the file (it holds one line, such as `1`), or use another root directory',
  },
  blobNotFound: {
    kind: 'not-found',
    message: (p: { digest: string }) => `blob ${p.digest} is not in the store`,
    hint: 'pull or load the image again',
  },
  blobTooLarge: {
    kind: 'failed-precondition',
    message: (p: { digest: string; size: number; maxBytes: number }) =>
      `blob ${p.digest} has ${p.size} bytes, more than the ${p.maxBytes} that may be read at once`,
  },
  blobDamaged: {
    kind: 'corrupt',
    message: (p: { digest: string }) => `blob ${p.digest} was changed on disk: its bytes have another digest`,
    hint: 'check the disk, remove the image and pull it again',
  },
  digestMismatch: {
    kind: 'corrupt',
    message: (p: { expected: string; actual: string }) =>
      `content has digest ${p.actual}, expected ${p.expected}`,
    hint: 'the source sent something else than it promised; nothing was kept, try again or use another source',
  },
  sizeMismatch: {
    kind: 'corrupt',
    message: (p: { expected: number; actual: number }) =>
      `content has ${p.actual} bytes, expected ${p.expected}`,
    hint: 'the source sent something else than it promised; nothing was kept, try again or use another source',
  },
  ingestBusy: {
    kind: 'conflict',
    message: (p: { ref: string }) => `${p.ref} is being written by another operation`,
    hint: 'wait until it has ended, then try again',
  },
  leaseEnded: {
    kind: 'failed-precondition',
    message: (p: { id: string; label: string }) => `lease ${p.id} (${p.label}) has ended`,
    hint: 'take a new lease and start the operation again',
  },
  imageNotFound: {
    kind: 'not-found',
    message: (p: { id: string }) => `image ${p.id} is not in the store`,
    hint: 'pull, load or build it again',
  },
  imageHeld: {
    kind: 'conflict',
    message: (p: { id: string; holder: string }) => `image ${p.id} is used by ${p.holder}`,
    hint: 'remove what uses it first',
  },
  contentMissing: {
    kind: 'failed-precondition',
    message: (p: { what: string }) => `${p.what} is not in the store`,
    hint: 'store it under the same lease before recording the image',
  },
  deletionNotFound: {
    kind: 'not-found',
    message: (p: { id: string }) => `there is no deletion ${p.id} that could be undone`,
    hint: 'see `lade undo ls` for what is still held',
  },
  undoNameTaken: {
    kind: 'conflict',
    message: (p: { name: string; by: string }) => `${p.name} means another image now (${p.by})`,
    hint: 'remove or rename that tag first, then undo again; the image itself may be there under its ID',
  },
  undoImageGone: {
    kind: 'failed-precondition',
    message: (p: { name: string }) => `the image that ${p.name} meant was deleted later`,
    hint: 'undo that deletion first: see `lade undo ls`',
  },
});
