import { defineErrors } from '#errors';

export const daemonErrors = defineErrors('daemon', {
  parameterMissing: {
    kind: 'invalid-argument',
    message: (p: { name: string }) => `the parameter ${p.name} is missing`,
    hint: 'see docs/docker-api.md for what the call takes',
  },
  parameterUnknown: {
    kind: 'invalid-argument',
    message: (p: { name: string; value: string }) => `the parameter ${p.name} cannot be ${p.value}`,
    hint: 'see docs/docker-api.md for what the call takes',
  },
  manifestsOfPlatform: {
    kind: 'invalid-argument',
    message: () => 'conflicting options: manifests and platform options cannot both be set',
    hint: 'ask for the manifests of all platforms, or for one platform',
  },
  notServed: {
    kind: 'unsupported',
    message: (p: { method: string; path: string }) => `${p.method} ${p.path} is not supported by Lade yet`,
    hint: 'see docs/docker-api.md for the calls that are',
  },
  optionUnsupported: {
    kind: 'unsupported',
    message: (p: { option: string; reason: string }) => `${p.option} is not supported yet: ${p.reason}`,
    hint: 'leave this option out',
  },
  sessionUnsupported: {
    kind: 'unsupported',
    message: () =>
      'this client builds through a BuildKit session, which Lade does not have yet: set DOCKER_BUILDKIT=0, or use lade build',
    hint: 'set DOCKER_BUILDKIT=0 in the environment of the client',
  },
  buildIdMissing: {
    kind: 'invalid-argument',
    message: () => 'build ID not provided',
    hint: 'name in id what the build named in buildid',
  },
  sourceUnreadable: {
    kind: 'unavailable',
    message: (p: { source: string; reason: string }) => `cannot import from ${p.source}: ${p.reason}`,
    hint: 'download the archive and import the file',
  },
  notInSwarm: {
    kind: 'unavailable',
    message: () =>
      'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node to swarm and try again.',
    hint: 'Lade runs containers on one machine; use its platform commands or Kubernetes for several',
  },
  pluginNotFound: {
    kind: 'not-found',
    message: (p: { name: string }) => `plugin "${p.name}" not found`,
    hint: 'Lade has no plugins; volumes and networks have built-in drivers',
  },
  badArgument: {
    kind: 'invalid-argument',
    message: (p: { problem: string }) => p.problem,
    hint: 'run `lade daemon --help`',
  },
  hostInvalid: {
    kind: 'invalid-argument',
    message: (p: { host: string }) => `invalid address to listen on: ${p.host}`,
    hint: 'use unix:///path/to.sock or tcp://127.0.0.1:PORT',
  },
  hostOpen: {
    kind: 'invalid-argument',
    message: (p: { host: string }) =>
      `${p.host} would let everybody who reaches this machine be root on it: the API has no password`,
    hint: 'listen on a unix socket or on 127.0.0.1, and use an SSH tunnel from elsewhere',
  },
  firstLineMissing: {
    kind: 'invalid-argument',
    message: () => 'the body has no first line with what is to be built',
    hint: 'send a JSON object, a newline, and then the context as an archive',
  },
  hostCaUnreadable: {
    kind: 'invalid-argument',
    message: (p: { path: string }) => `the CA bundle ${p.path} cannot be read`,
    hint: 'name a file in PEM format with --host-ca',
  },
});
