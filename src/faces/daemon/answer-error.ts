import { toLadeError, type ErrorKind, type LadeError } from '#errors';
import type { ErrorAnswer } from '#api';

const STATUS: Readonly<Record<ErrorKind, number>> = {
  'invalid-argument': 400,
  'not-found': 404,
  'already-exists': 409,
  conflict: 409,
  'failed-precondition': 409,
  unauthenticated: 401,
  'permission-denied': 403,
  unsupported: 501,
  unavailable: 503,
  timeout: 504,
  cancelled: 499,
  corrupt: 500,
  internal: 500,
};

/** HTTP status of an error; the one place where kinds become statuses. */
export const statusOf = (error: LadeError): number => STATUS[error.kind];

/** Messages of these kinds are matched by Docker's clients, so nothing is added to them. */
const EXACT: ReadonlySet<ErrorKind> = new Set(['not-found', 'already-exists', 'conflict', 'unsupported']);

/**
 * What a client of Docker shows: the message, and what to do next where nobody matches on the text. Lade's own clients
 * get the hint in a field of its own.
 */
export const messageFor = (error: LadeError, userAgent: string | undefined): string => {
  const { message, hint } = error;
  const own = userAgent !== undefined && /^lade/i.test(userAgent);
  if (own || hint === undefined || EXACT.has(error.kind) || message.includes(hint)) return message;
  return message.includes('\n') ? `${message}\n${hint}` : `${message} (${hint})`;
};

/** Docker's error body for anything that was thrown. */
export const errorAnswer = (
  thrown: unknown,
  userAgent: string | undefined,
): { readonly status: number; readonly body: ErrorAnswer } => {
  const error = toLadeError(thrown);
  return {
    status: statusOf(error),
    body: { message: messageFor(error, userAgent), code: error.code, hint: error.hint },
  };
};
