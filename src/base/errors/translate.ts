import { defineErrors } from './catalogue.ts';
import { isLadeError, type LadeError } from './lade-error.ts';

interface Fault {
  readonly message: string;
}

/** Errors that come from the operating system or from Node rather than from a room. */
export const systemErrors = defineErrors('system', {
  diskFull: {
    kind: 'unavailable',
    message: (p: Fault) => `no space left on device: ${p.message}`,
    hint: 'free space on this file system, or run `lade system prune`, then try again',
  },
  cancelled: { kind: 'cancelled', message: (p: Fault) => `cancelled: ${p.message}` },
  timedOut: {
    kind: 'timeout',
    message: (p: Fault) => p.message,
    hint: 'check the network and try again',
  },
  accessDenied: {
    kind: 'permission-denied',
    message: (p: Fault) => p.message,
    hint: 'run as root, or ask for access to this path',
  },
  fileNotFound: { kind: 'not-found', message: (p: Fault) => p.message },
  unreachable: {
    kind: 'unavailable',
    message: (p: Fault) => p.message,
    hint: 'check that the host is up and reachable, then try again',
  },
  unexpected: { kind: 'internal', message: (p: Fault) => p.message },
});

const byErrno: Readonly<Record<string, (fault: Fault, cause: unknown) => LadeError>> = {
  ENOSPC: systemErrors.diskFull,
  EDQUOT: systemErrors.diskFull,
  ABORT_ERR: systemErrors.cancelled,
  ETIMEDOUT: systemErrors.timedOut,
  EACCES: systemErrors.accessDenied,
  EPERM: systemErrors.accessDenied,
  ENOENT: systemErrors.fileNotFound,
  ECONNREFUSED: systemErrors.unreachable,
  ECONNRESET: systemErrors.unreachable,
  ENOTFOUND: systemErrors.unreachable,
  EHOSTUNREACH: systemErrors.unreachable,
  ENETUNREACH: systemErrors.unreachable,
  EAI_AGAIN: systemErrors.unreachable,
  UND_ERR_CONNECT_TIMEOUT: systemErrors.timedOut,
};

const errnoOf = (error: Error): string | undefined => {
  if (error.name === 'AbortError') return 'ABORT_ERR';
  if ('code' in error && typeof error.code === 'string') return error.code;
  return error.cause instanceof Error ? errnoOf(error.cause) : undefined;
};

/** Any thrown value as a LadeError; a LadeError is returned as it is. */
export const toLadeError = (error: unknown): LadeError => {
  if (isLadeError(error)) return error;
  // What failed first is the reason; what failed while that was cleared up comes from it.
  if (error instanceof SuppressedError) return toLadeError(error.suppressed);
  if (!(error instanceof Error)) return systemErrors.unexpected({ message: String(error) }, error);
  const make = byErrno[errnoOf(error) ?? ''] ?? systemErrors.unexpected;
  return make({ message: error.message }, error);
};
