import { defineErrors } from '#errors';

export const layerErrors = defineErrors('layers', {
  layerNotFound: {
    kind: 'not-found',
    message: (p: { diffId: string }) => `the layer ${p.diffId} is not unpacked here`,
    hint: 'pull or load the image again',
  },
  layerInUse: {
    kind: 'conflict',
    message: (p: { diffId: string; user: string }) => `the layer ${p.diffId} is used by ${p.user}`,
    hint: 'remove the container or the build step first',
  },
  digestMismatch: {
    kind: 'corrupt',
    message: (p: { expected: string; actual: string }) =>
      `the layer's content has the digest ${p.actual}, not ${p.expected} as its image says`,
    hint: 'the image or its transfer is damaged: pull it again, or ask its publisher',
  },
  badContent: {
    kind: 'corrupt',
    message: (p: { reason: string }) => `the layer cannot be unpacked: ${p.reason}`,
    hint: 'the image is damaged or was made by a faulty tool: ask its publisher',
  },
  tooManyEntries: {
    kind: 'unsupported',
    message: (p: { path: string }) =>
      `the layer has too many files or attributes: at ${p.path} they need more than 1 GiB of memory`,
    hint: 'spread the files over several layers',
  },
  tooMuchAtOnce: {
    kind: 'unavailable',
    message: (p: { path: string }) =>
      `there is no memory left for the layer at ${p.path}: other layers with very many files are being unpacked`,
    hint: 'try again when they are done',
  },
  nestedTooDeeply: {
    kind: 'unsupported',
    message: () => 'what was written is nested so deeply that its paths are longer than 4,095 bytes',
    hint: 'remove the deepest directories inside the container first',
  },
  cannotKeep: {
    kind: 'unsupported',
    message: (p: { file: string; reason: string }) =>
      `the file system of the layers cannot keep ${p.file}: ${p.reason}`,
    hint: 'put the root directory on a file system that can, or use a kernel that mounts EROFS from files',
  },
  compressionUnsupported: {
    kind: 'unsupported',
    message: (p: { name: string }) => `the layer is compressed with ${p.name}`,
    hint: 'compress it with gzip or zstd, or not at all',
  },
  cancelled: { kind: 'cancelled', message: () => 'work on the layer was cancelled' },
  sourceFailed: {
    kind: 'unavailable',
    message: (p: { reason: string }) => `the layer could not be read: ${p.reason}`,
    hint: 'try again',
  },
  snapshotNotFound: {
    kind: 'not-found',
    message: (p: { id: string }) => `no such snapshot: ${p.id}`,
  },
  snapshotExists: {
    kind: 'already-exists',
    message: (p: { id: string }) => `the snapshot ${p.id} exists already`,
  },
  badSnapshotId: {
    kind: 'invalid-argument',
    message: (p: { id: string }) => `"${p.id}" cannot be the name of a snapshot`,
    hint: 'use letters, digits, "_", "." and "-", starting with a letter or digit',
  },
  tooManyLayers: {
    kind: 'unsupported',
    message: (p: { count: number }) => `${p.count} layers are more than the 500 the kernel can stack`,
    hint: 'squash some of the layers',
  },
  backendUnusable: {
    kind: 'unsupported',
    message: (p: { backend: string; reason: string }) =>
      `layers cannot be kept as ${p.backend} here: ${p.reason}`,
    hint: 'put the root directory on ext4 or xfs, or leave the choice of the backend to Lade',
  },
});
