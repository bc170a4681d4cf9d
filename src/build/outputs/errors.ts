import { defineErrors } from '#errors';

interface Push {
  readonly name: string;
  readonly registry: string;
  readonly reason: string;
}

const pushMessage = (p: Push): string => `cannot push ${p.name} to ${p.registry}: ${p.reason}`;

export const outputsErrors = defineErrors('outputs', {
  pushDenied: {
    kind: 'permission-denied',
    message: pushMessage,
    hint: (p: Push) => `the image is kept here; log in with "lade login ${p.registry}" and push it`,
  },
  pushFailed: {
    kind: 'unavailable',
    message: pushMessage,
    hint: (p: Push) => `the image is kept here; "lade push ${p.name}" tries again`,
  },
  nothingToPush: {
    kind: 'invalid-argument',
    message: () => 'an image without a name cannot be pushed',
    hint: 'name it: -t REGISTRY/REPOSITORY:TAG, or name=… of the output',
  },
  indexAnnotation: {
    kind: 'invalid-argument',
    message: (p: { readonly key: string }) =>
      `the annotation ${p.key} is for an index, and an image for one platform has none`,
    hint: 'leave "index:" out, or build for several platforms',
  },
  destinationUnusable: {
    kind: 'invalid-argument',
    message: (p: { readonly path: string; readonly reason: string }) =>
      `cannot write the output to ${p.path}: ${p.reason}`,
    hint: 'choose another dest',
  },
  foreignIndex: {
    kind: 'invalid-argument',
    message: (p: { readonly path: string }) => `${p.path}/index.json is no index of an OCI layout`,
    hint: 'choose another dest, or move that file away',
  },
  relativeDestination: {
    kind: 'invalid-argument',
    message: (p: { readonly path: string }) => `the destination ${p.path} is no absolute path`,
    hint: "give an absolute path of the daemon's machine",
  },
});
