import { defineErrors } from '#errors';

export const workErrors = defineErrors('work', {
  cancelled: { kind: 'cancelled', message: (p: { name: string }) => `cancelled while ${p.name}` },
  closed: {
    kind: 'failed-precondition',
    message: (p: { name: string }) => `the worker pool "${p.name}" is closed`,
    hint: 'create a new pool',
  },
  workerEnded: {
    kind: 'internal',
    message: (p: { name: string; message: string }) => `a worker of "${p.name}" ended: ${p.message}`,
    hint: 'try again; report it when it happens again',
  },
  fileTooShort: {
    kind: 'corrupt',
    message: (p: { path: string; wanted: number; found: number }) =>
      `${p.path} ends after ${p.found} bytes, ${p.wanted} were to be hashed`,
    hint: 'the file was cut off or replaced; fetch it again',
  },
});
