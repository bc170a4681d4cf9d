import { defineErrors } from '#errors';

interface Named {
  readonly id: string;
}

interface Failed extends Named {
  readonly text: string;
}

export const runtimeErrors = defineErrors('runtime', {
  programMissing: {
    kind: 'failed-precondition',
    message: (p: { name: string }) => `the program ${p.name} was not found`,
    hint: (p: { name: string }) => `install it (Debian: apt-get install ${p.name}), or name its path`,
  },
  runtimeUnusable: {
    kind: 'failed-precondition',
    message: (p: { name: string; text: string }) => `${p.name} cannot run containers here: ${p.text}`,
    hint: 'use runc, or a runtime that supports the control groups of this machine',
  },
  containerNotFound: {
    kind: 'not-found',
    message: (p: Named) => `the runtime knows no container ${p.id}`,
  },
  containerExists: {
    kind: 'already-exists',
    message: (p: Named) => `the runtime already has a container ${p.id}`,
    hint: 'delete it first',
  },
  notRunning: {
    kind: 'conflict',
    message: (p: Named) => `container ${p.id} is not running`,
  },
  createFailed: {
    kind: 'internal',
    message: (p: Failed) => `the container could not be made: ${p.text}`,
  },
  commandNotFound: {
    kind: 'invalid-argument',
    message: (p: Failed) => p.text,
    hint: 'check the command, PATH and the working directory inside the image',
  },
  commandNotExecutable: {
    kind: 'invalid-argument',
    message: (p: Failed) => p.text,
    hint: 'the file exists, but it may not be executed: check its mode, its architecture and its first line',
  },
  startFailed: {
    kind: 'internal',
    message: (p: Failed) => `the container could not be started: ${p.text}`,
  },
  attachFailed: {
    kind: 'internal',
    message: (p: Named) => `cannot attach to container ${p.id}: its monitor does not answer`,
    hint: 'start the container again; if conmon stands still, look for what stopped it',
  },
  controlFailed: {
    kind: 'internal',
    message: (p: Failed & { verb: string }) => `cannot ${p.verb} container ${p.id}: ${p.text}`,
  },
  updateFailed: {
    kind: 'internal',
    message: (p: Failed) => `Cannot update container ${p.id}: ${p.text}`,
  },
  execFailed: {
    kind: 'internal',
    message: (p: Failed) => `the command could not be started: ${p.text}`,
  },
  exitLost: {
    kind: 'internal',
    message: (p: Named) => `the exit code of ${p.id} was lost: its monitor ended before it`,
    hint: 'the machine was probably restarted, or conmon was killed',
  },
  cancelled: {
    kind: 'cancelled',
    message: (p: Named) => `cancelled while ${p.id} was running`,
  },
  userNotFound: {
    kind: 'invalid-argument',
    message: (p: { user: string }) => `unable to find user ${p.user}: no matching entries in passwd file`,
    hint: 'name a user of the image, or give its number',
  },
  groupNotFound: {
    kind: 'invalid-argument',
    message: (p: { group: string }) => `unable to find group ${p.group}: no matching entries in group file`,
    hint: 'name a group of the image, or give its number',
  },
  unknownCapability: {
    kind: 'invalid-argument',
    message: (p: { name: string }) => `invalid capability: ${p.name}`,
    hint: 'see capabilities(7); names go with or without CAP_, and ALL is all of them',
  },
  unknownUlimit: {
    kind: 'invalid-argument',
    message: (p: { name: string }) => `invalid ulimit type: ${p.name}`,
    hint: 'use one of core cpu data fsize locks memlock msgqueue nice nofile nproc rss rtprio rttime sigpending stack',
  },
  pathTooLong: {
    kind: 'invalid-argument',
    message: (p: { path: string }) => `the socket path ${p.path} is longer than 107 bytes`,
    hint: 'choose a shorter run directory',
  },
});
