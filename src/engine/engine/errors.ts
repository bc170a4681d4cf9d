import { defineErrors } from '#errors';

interface Named {
  readonly name: string;
}

interface Reason {
  readonly reason: string;
}

export const engineErrors = defineErrors('engine', {
  containerNotFound: {
    kind: 'not-found',
    message: (p: Named) => `No such container: ${p.name}`,
    hint: 'list all containers, also stopped ones, with `lade ps -a`',
  },
  ambiguousPrefix: {
    kind: 'invalid-argument',
    message: (p: Named) => `multiple IDs found with provided prefix: ${p.name}`,
    hint: 'give more characters of the ID',
  },
  nameInUse: {
    kind: 'conflict',
    message: (p: { name: string; id: string }) =>
      `Conflict. The container name "/${p.name}" is already in use by container "${p.id}". You have to remove (or rename) that container to be able to reuse that name.`,
    hint: (p: { name: string; id: string }) => `run \`lade rm ${p.name}\`, or choose another name`,
  },
  invalidName: {
    kind: 'invalid-argument',
    message: (p: Named) => `Invalid container name (${p.name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`,
  },
  noCommand: {
    kind: 'invalid-argument',
    message: () => 'no command specified',
    hint: 'name a command after the image, since the image itself has none',
  },
  invalidConfig: { kind: 'invalid-argument', message: (p: Reason) => p.reason },
  unsupportedOption: {
    kind: 'unsupported',
    message: (p: { option: string; reason?: string | undefined }) =>
      `${p.option} is not supported${p.reason === undefined ? '' : `: ${p.reason}`}`,
    hint: 'leave the option out; it would otherwise be ignored without a word',
  },
  notRunning: {
    kind: 'conflict',
    message: (p: Named) => `container ${p.name} is not running`,
    hint: 'start it first',
  },
  alreadyPaused: { kind: 'conflict', message: (p: Named) => `Container ${p.name} is already paused` },
  isPaused: {
    kind: 'conflict',
    message: (p: Named) => `Container ${p.name} is paused, unpause the container before exec`,
    hint: 'unpause it first',
  },
  notPaused: { kind: 'conflict', message: (p: Named) => `Container ${p.name} is not paused` },
  removalOfLive: {
    kind: 'conflict',
    message: (p: { name: string; state: string }) =>
      `cannot remove container "/${p.name}": container is ${p.state}: stop the container before removing or force remove`,
    hint: 'stop it first, or remove with --force',
  },
  removalInProgress: {
    kind: 'conflict',
    message: (p: Named) => `removal of container ${p.name} is already in progress`,
  },
  invalidSignal: {
    kind: 'invalid-argument',
    message: (p: { signal: string }) => `invalid signal: ${p.signal}`,
    hint: 'give a name such as SIGTERM or a number',
  },
  startFailed: {
    kind: 'internal',
    message: (p: { name: string; reason: string }) => p.reason,
  },
  execNotFound: {
    kind: 'not-found',
    message: (p: { id: string }) => `No such exec instance: ${p.id}`,
    hint: 'an exec is forgotten some minutes after it ended, and when the daemon restarts',
  },
  execStarted: {
    kind: 'conflict',
    message: (p: { id: string }) => `exec ${p.id} has already run`,
    hint: 'create another one',
  },
  initMissing: {
    kind: 'failed-precondition',
    message: () => '--init needs an init program on this machine, and none was found',
    hint: 'install one (Debian: apt-get install tini), or leave --init out',
  },
  noExecCommand: { kind: 'invalid-argument', message: () => 'No exec command specified' },
  volumeNotFound: {
    kind: 'not-found',
    message: (p: Named) => `get ${p.name}: no such volume`,
  },
  volumeInUse: {
    kind: 'conflict',
    message: (p: { name: string; ids: readonly string[] }) =>
      `remove ${p.name}: volume is in use - [${p.ids.join(', ')}]`,
    hint: 'remove the containers that use it first',
  },
  invalidVolume: { kind: 'invalid-argument', message: (p: Reason) => p.reason },
  bindSourceMissing: {
    kind: 'invalid-argument',
    message: (p: { path: string }) =>
      `invalid mount config for type "bind": bind source path does not exist: ${p.path}`,
    hint: 'create the path on this machine first',
  },
  pathNotFound: {
    kind: 'not-found',
    message: (p: { path: string; name: string }) =>
      `Could not find the file ${p.path} in container ${p.name}`,
  },
  notDirectory: {
    kind: 'invalid-argument',
    message: (p: { path: string }) => `extraction point is not a directory: ${p.path}`,
  },
  pathReadonly: {
    kind: 'permission-denied',
    message: (p: { name: string }) => `container ${p.name} rootfs is marked read-only`,
  },
  copyUpFailed: {
    kind: 'internal',
    message: (p: { path: string; text: string }) =>
      `the image's content at ${p.path} could not be copied into the volume: ${p.text}`,
  },
  psFailed: {
    kind: 'invalid-argument',
    message: (p: { text: string }) => `Error running ps: ${p.text}`,
    hint: 'Debian has ps in the package procps; the options must be those of ps and keep the column PID',
  },
  invalidFilter: {
    kind: 'invalid-argument',
    message: (p: Named) => `invalid filter '${p.name}'`,
  },
  waitCancelled: { kind: 'cancelled', message: (p: Named) => `the wait for ${p.name} was given up` },
});
