import { LadeError, toLadeError, type ErrorKind } from '#errors';

/** From the pool to a thread. */
export type PoolMessage<Req> =
  | { readonly kind: 'run'; readonly id: number; readonly request: Req }
  | { readonly kind: 'cancel'; readonly id: number }
  | { readonly kind: 'end' };

/** From a thread to the pool. */
export type ThreadMessage<Res> =
  | { readonly kind: 'done'; readonly id: number; readonly result: Res }
  | { readonly kind: 'failed'; readonly id: number; readonly error: CarriedError };

/** A LadeError as data: structured clone keeps neither its class nor its fields. */
export interface CarriedError {
  readonly kind: ErrorKind;
  readonly code: string;
  readonly message: string;
  readonly hint: string | undefined;
  readonly details: Readonly<Record<string, unknown>> | undefined;
}

/**
 * Cells of the shared memory between pool and thread: a count of cancels and whether the thread is to end, so that a
 * busy loop can notice.
 */
export const CANCEL_CELL = 0;
export const END_CELL = 1;
export const SHARED_BYTES = 8;

export const packError = (error: unknown): CarriedError => {
  const { kind, code, message, hint, details } = toLadeError(error);
  return { kind, code, message, hint, details };
};

export const unpackError = (carried: CarriedError): LadeError => new LadeError(carried);
