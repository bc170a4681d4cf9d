import { defineErrors } from '#errors';

export const adoptionErrors = defineErrors('adoption', {
  daemonUnreachable: {
    kind: 'unavailable',
    message: (p: { host: string; reason: string }) => `no Docker daemon answers at ${p.host}: ${p.reason}`,
    hint: 'start it, name its address with --host, or adopt the folder of a stopped one with --data-root',
  },
  daemonRefused: {
    kind: 'failed-precondition',
    message: (p: { path: string; status: number; message: string }) =>
      `the Docker daemon answered ${p.path} with status ${p.status}: ${p.message}`,
    hint: "look into that daemon's log",
  },
  hostUnsupported: {
    kind: 'invalid-argument',
    message: (p: { host: string }) => `${JSON.stringify(p.host)} is not an address to adopt from`,
    hint: 'use unix:///path/to/docker.sock or tcp://HOST:PORT',
  },
  noImageFolder: {
    kind: 'not-found',
    message: (p: { path: string; reason: string }) =>
      `${p.path} is not a Docker data folder with overlay2 images: ${p.reason}`,
    hint: 'name the folder that `docker info` calls Docker Root Dir; images of another driver or of the containerd store come over with --host from a running dockerd',
  },
  folderDamaged: {
    kind: 'corrupt',
    message: (p: { path: string; reason: string }) => `${p.path} cannot be read: ${p.reason}`,
    hint: 'start that dockerd and adopt through its API with --host, or pull the image again',
  },
  noTarSplit: {
    kind: 'failed-precondition',
    message: (p: { diffId: string }) =>
      `Docker did not keep what its layer ${p.diffId} was made of (tar-split.json.gz)`,
    hint: 'start that dockerd and adopt through its API with --host',
  },
  idMismatch: {
    kind: 'corrupt',
    message: (p: { expected: string; actual: string }) =>
      `Docker has the image as ${p.expected}, but what came over is ${p.actual}`,
    hint: 'pull the image again',
  },
});
