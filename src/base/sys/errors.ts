import { defineErrors, isLadeError, type LadeError } from '#errors';

interface Call {
  /** Name of the system call. */
  readonly call: string;
  /** What it was called on. */
  readonly target: string;
  /** Name of the error number, such as `ENOENT`. */
  readonly errno: string;
  readonly text?: string | undefined;
}

const describe = (p: Call): string =>
  `${p.call} ${p.target}: ${p.text === undefined || p.text === '' ? p.errno : `${p.errno} (${p.text})`}`;

export const sysErrors = defineErrors('sys', {
  notFound: { kind: 'not-found', message: describe },
  alreadyExists: { kind: 'already-exists', message: describe },
  permissionDenied: {
    kind: 'permission-denied',
    message: describe,
    hint: 'run as root; inside a container more privileges are needed',
  },
  busy: { kind: 'conflict', message: describe, hint: 'stop what still uses it, then try again' },
  unsupported: {
    kind: 'unsupported',
    message: describe,
    hint: 'this kernel or file system cannot do it; use another file system for the root directory',
  },
  diskFull: {
    kind: 'unavailable',
    message: (p: Call) => `no space left on device: ${describe(p)}`,
    hint: 'free space on this file system, or run `lade system prune`, then try again',
  },
  outsideRoot: {
    kind: 'invalid-argument',
    message: describe,
    hint: 'use a path without symbolic link loops and without ..',
  },
  callFailed: { kind: 'internal', message: describe },
  noDescriptor: {
    kind: 'internal',
    message: () => 'the message on the socket carried no file descriptor',
  },
  libcMissing: {
    kind: 'unsupported',
    message: (p: { message: string }) => `the C library cannot be called: ${p.message}`,
    hint: 'install the package again on this machine (`npm install`), so that koffi gets its binary',
  },
});

type Make = (call: Call) => LadeError;

const byErrno: Readonly<Record<string, Make>> = {
  ENOENT: sysErrors.notFound,
  ENODATA: sysErrors.notFound,
  EEXIST: sysErrors.alreadyExists,
  EPERM: sysErrors.permissionDenied,
  EACCES: sysErrors.permissionDenied,
  EBUSY: sysErrors.busy,
  ENOTSUP: sysErrors.unsupported,
  ENOSYS: sysErrors.unsupported,
  ENODEV: sysErrors.unsupported,
  ENOTBLK: sysErrors.unsupported,
  ENOSPC: sysErrors.diskFull,
  EDQUOT: sysErrors.diskFull,
  ELOOP: sysErrors.outsideRoot,
  EXDEV: sysErrors.outsideRoot,
};

/** The error of a failed system call; `details.errno` holds the name of the number. */
export const callError = (call: Call): LadeError => (byErrno[call.errno] ?? sysErrors.callFailed)(call);

/** Name of the error number behind an error of this room or of node:fs, such as `ENODATA`. */
export const errnoOf = (error: unknown): string | undefined => {
  if (isLadeError(error) && typeof error.details?.['errno'] === 'string') return error.details['errno'];
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') return error.code;
  return undefined;
};
