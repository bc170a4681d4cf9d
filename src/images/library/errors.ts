import { defineErrors } from '#errors';

export const libraryErrors = defineErrors('library', {
  invalidKeepLast: {
    kind: 'invalid-argument',
    message: (p: { value: string }) => `invalid number of images to keep: ${p.value}`,
    hint: 'give a whole number that is not negative, such as --keep-last 3',
  },
  nothingToUndo: {
    kind: 'not-found',
    message: (p: { name: string | undefined }) =>
      p.name === undefined
        ? 'there is no deletion that could be undone'
        : `no deletion of ${p.name} can be undone`,
    hint: 'see `lade undo ls`; deleted images are kept for as long as `lade config get undo.keep` says',
  },
  imageNotFound: {
    kind: 'not-found',
    message: (p: { name: string }) => `No such image: ${p.name}`,
    hint: 'see `lade images` for what is there, or pull it first',
  },
  ambiguousPrefix: {
    kind: 'not-found',
    message: (p: { name: string }) => `No such image: ${p.name} (the prefix fits several images)`,
    hint: 'write more digits of the ID',
  },
  wrongPlatform: {
    kind: 'not-found',
    message: (p: { name: string; wanted: string; found: string }) =>
      `image with reference ${p.name} was found but its platform (${p.found}) does not match the specified platform (${p.wanted})`,
    hint: 'pull it with --platform, or leave the platform out',
  },
  noMatchingManifest: {
    kind: 'not-found',
    message: (p: { wanted: string; offered: string }) =>
      `no matching manifest for ${p.wanted} in the manifest list entries (it has ${p.offered})`,
    hint: 'pull another platform with --platform, or all it has with --all-platforms',
  },
  notAnImage: {
    kind: 'unsupported',
    message: (p: { name: string; mediaType: string }) =>
      `${p.name} is an artifact (${p.mediaType}), not an image of a root file system`,
    hint: 'artifacts can be pulled, tagged, saved and pushed; use the tool that it was made for on its content',
  },
  notRunnable: {
    kind: 'unsupported',
    message: (p: { name: string; platform: string }) =>
      `${p.name} is an image for ${p.platform}, which does not run on Linux`,
    hint: 'it can be inspected, tagged, saved and pushed; name a Linux platform with --platform if it has one',
  },
  tagWithAllTags: {
    kind: 'invalid-argument',
    message: () => "tag can't be used with --all-tags/-a",
    hint: 'name the repository alone, or leave --all-tags out',
  },
  noTags: {
    kind: 'not-found',
    message: (p: { name: string }) => `${p.name} has no tags`,
    hint: 'check the name; manifests without a tag are pulled by digest',
  },
  indexTooDeep: {
    kind: 'unsupported',
    message: (p: { name: string }) => `${p.name} has indexes within indexes, deeper than can be followed`,
    hint: 'pull one of the indexes in it by its digest',
  },
  indexTooLarge: {
    kind: 'unsupported',
    message: (p: { name: string; limit: number; bytes: number }) =>
      `${p.name} brings more than ${p.limit} manifests or ${p.bytes} bytes of them, with all that refers to it`,
    hint: 'pull single platforms with --platform instead of all',
  },
  unknownLayerType: {
    kind: 'unsupported',
    message: (p: { mediaType: string }) => `layers of media type ${p.mediaType} are not supported`,
    hint: 'push the image again with tar layers, plain or compressed by gzip or zstd',
  },
  layerCountMismatch: {
    kind: 'corrupt',
    message: (p: { layers: number; diffIds: number }) =>
      `the manifest has ${p.layers} layers but the configuration has ${p.diffIds} diff IDs`,
    hint: 'the image was written wrongly; push it again with the tool that made it',
  },
  localImageMissing: {
    kind: 'not-found',
    message: (p: { name: string }) => `An image does not exist locally with the tag: ${p.name}`,
    hint: 'tag the image with this name first: `lade tag IMAGE NAME`',
  },
  noLocalTags: {
    kind: 'not-found',
    message: (p: { name: string }) => `An image does not exist locally with the tag: ${p.name}`,
    hint: 'tag an image with this name first: `lade tag IMAGE NAME:TAG`',
  },
  contentMissing: {
    kind: 'failed-precondition',
    message: (p: { digest: string }) => `a part of it is not in the store: ${p.digest}`,
    hint: 'pull it again',
  },
  digestInPush: {
    kind: 'invalid-argument',
    message: () => 'cannot push a digest reference',
    hint: 'push by tag; the digest follows from the content',
  },
  digestInTag: {
    kind: 'invalid-argument',
    message: () => 'refusing to create a tag with a digest reference',
    hint: 'name the target as NAME[:TAG]',
  },
  referenceInUse: {
    kind: 'conflict',
    message: (p: { name: string; container: string; image: string }) =>
      `conflict: unable to remove repository reference "${p.name}" (must force) - container ${p.container} is using its referenced image ${p.image}`,
    hint: 'remove the container first, or use force',
  },
  deleteConflict: {
    kind: 'conflict',
    message: (p: { image: string; hard: boolean; reason: string }) =>
      `conflict: unable to delete ${p.image} (${p.hard ? 'cannot' : 'must'} be forced) - ${p.reason}`,
    hint: (p: { image: string; hard: boolean; reason: string }) =>
      p.hard
        ? 'remove what uses the image first'
        : `remove what uses the image first, or all its names at once by force: \`lade rmi -f ${p.image}\``,
  },
  unknownFilter: {
    kind: 'invalid-argument',
    message: (p: { name: string; known: string }) => `invalid filter '${p.name}'`,
    hint: (p: { name: string; known: string }) => `known filters: ${p.known}`,
  },
  invalidFilterValue: {
    kind: 'invalid-argument',
    message: (p: { name: string; value: string }) => `invalid filter '${p.name}=[${p.value}]'`,
    hint: (p: { name: string; value: string }) =>
      p.name === 'until'
        ? 'it takes a date (2024-01-31, 2024-01-31T10:00:00), seconds since 1970, or an age such as 24h'
        : 'it takes true or false',
  },
  mainPlatform: {
    kind: 'conflict',
    message: (p: { name: string }) =>
      `conflict: unable to delete this platform of ${p.name} (cannot be forced) - it is what the name means`,
    hint: 'remove the name, or let it mean another platform first: pull it with --platform',
  },
  listNotFound: {
    kind: 'not-found',
    message: (p: { name: string }) => `No such manifest list: ${p.name}`,
    hint: 'make it first: `lade manifest create LIST IMAGE…`; `lade manifest ls` shows what is there',
  },
  listExists: {
    kind: 'already-exists',
    message: () => 'refusing to amend an existing manifest list with no --amend flag',
    hint: (p: { name: string }) => `add --amend, or remove it first: \`lade manifest rm ${p.name}\``,
  },
  listInList: {
    kind: 'invalid-argument',
    message: (p: { name: string }) => `${p.name} is a manifest list`,
    hint: 'name the image of each platform, by its digest: `lade manifest inspect` shows them',
  },
  manifestNotFound: {
    kind: 'not-found',
    message: (p: { name: string }) => `no such manifest: ${p.name}`,
    hint: 'name an image that is here (`lade images`) or in its registry',
  },
  manifestNotInList: {
    kind: 'not-found',
    message: (p: { manifest: string; name: string }) =>
      `manifest for image ${p.manifest} does not exist in ${p.name}`,
    hint: 'name it as `lade manifest inspect -v LIST` does, or add it by `lade manifest create --amend`',
  },
  manifestWithoutPlatform: {
    kind: 'failed-precondition',
    message: (p: { name: string }) =>
      `manifest ${p.name} must have an OS and Architecture to be pushed to a registry`,
    hint: 'give them by `lade manifest annotate --os … --arch …`',
  },
  malformedPattern: {
    kind: 'invalid-argument',
    message: () => 'syntax error in pattern',
    hint: (p: { pattern: string }) => `${p.pattern}: close every [, and end with no \\ alone`,
  },
  layerMissing: {
    kind: 'failed-precondition',
    message: (p: { diffId: string }) => `layer ${p.diffId} is not in the store`,
    hint: 'build or pull the image again',
  },
  archiveUnreadable: {
    kind: 'invalid-argument',
    message: (p: { reason: string }) => `this is not an image archive: ${p.reason}`,
    hint: 'load takes what `save` wrote (a Docker archive or an OCI layout, as tar); a root file system goes to `import`',
  },
  archiveIncomplete: {
    kind: 'corrupt',
    message: (p: { path: string }) => `the archive names ${p.path} but does not hold it`,
    hint: 'the archive was cut off or written wrongly; save the image again',
  },
  archiveLayerMismatch: {
    kind: 'corrupt',
    message: (p: { path: string; expected: string; actual: string }) =>
      `layer ${p.path} of the archive has diff ID ${p.actual}, the configuration says ${p.expected}`,
    hint: 'the archive was altered or written wrongly; save the image again',
  },
  archivePlatformMissing: {
    kind: 'not-found',
    message: (p: { wanted: string; offered: string }) =>
      `the archive has no image for ${p.wanted} (it has ${p.offered})`,
    hint: 'leave --platform out, or name one of those',
  },
  sinceImageMissing: {
    kind: 'failed-precondition',
    message: (p: { name: string; id: string; diffId: string }) =>
      `the archive was saved since ${p.name} (${p.id}) and leaves its layers out, but layer ${p.diffId} is not here`,
    hint: (p: { name: string; id: string; diffId: string }) =>
      `load or pull ${p.name} first, or save without --since`,
  },
  packingUnsupported: {
    kind: 'unsupported',
    message: (p: { packing: string; program: string }) =>
      `the archive is packed by ${p.packing}, and the program ${p.program} is not on this machine`,
    hint: 'install it, or unpack the archive first',
  },
  invalidChange: {
    kind: 'invalid-argument',
    message: (p: { line: string; reason: string }) => `invalid change ${JSON.stringify(p.line)}: ${p.reason}`,
    hint: 'changes are CMD, ENTRYPOINT, ENV, EXPOSE, HEALTHCHECK, LABEL, ONBUILD, STOPSIGNAL, USER, VOLUME, WORKDIR',
  },
});
