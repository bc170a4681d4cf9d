/** The closed list of error kinds; each edge (HTTP, registry protocol, exit code) translates them once. */
export const ERROR_KINDS = [
  'invalid-argument',
  'not-found',
  'already-exists',
  'conflict',
  'failed-precondition',
  'unauthenticated',
  'permission-denied',
  'unsupported',
  'unavailable',
  'timeout',
  'cancelled',
  'corrupt',
  'internal',
] as const;

export type ErrorKind = (typeof ERROR_KINDS)[number];

export interface LadeErrorInit {
  readonly kind: ErrorKind;
  /** Stable code from a catalogue, such as `STORE_BLOB_NOT_FOUND`; each is described in docs/errors.md. */
  readonly code: string;
  readonly message: string;
  /** One sentence that says what to do next. */
  readonly hint?: string | undefined;
  readonly details?: Readonly<Record<string, unknown>> | undefined;
  readonly cause?: unknown;
}

/** Tells an error of this class from others where a program holds the class more than once, as bundles do. */
const BRAND: unique symbol = Symbol.for('lade.error');

/** The one error class. Callers branch on `kind` or `code`, never on the message. */
export class LadeError extends Error {
  override readonly name = 'LadeError';
  readonly [BRAND] = true;
  readonly kind: ErrorKind;
  readonly code: string;
  readonly hint: string | undefined;
  readonly details: Readonly<Record<string, unknown>> | undefined;

  constructor(init: LadeErrorInit) {
    super(init.message, init.cause === undefined ? undefined : { cause: init.cause });
    this.kind = init.kind;
    this.code = init.code;
    this.hint = init.hint;
    this.details = init.details;
  }
}

/** Whether `error` is a LadeError, and of `kind` where one is named. */
export const isLadeError = (error: unknown, kind?: ErrorKind): error is LadeError =>
  error instanceof Error && BRAND in error && (kind === undefined || (error as LadeError).kind === kind);
