import { LadeError, isLadeError, type ErrorKind } from './lade-error.ts';

/** One row of a room's catalogue. `P` is what the message needs to know. */
export interface ErrorEntry<P> {
  readonly kind: ErrorKind;
  readonly message: (params: P) => string;
  /** What the reader can do next. */
  readonly hint?: string | ((params: P) => string);
}

/** Makes the error of one row, and recognises it. */
export interface ErrorFactory<P> {
  (params: P, cause?: unknown): LadeError;
  readonly code: string;
  readonly kind: ErrorKind;
  is(error: unknown): error is LadeError;
}

type ParamsOf<E> = E extends { readonly message: (params: infer P) => string } ? P : never;
type Factories<T> = { readonly [K in keyof T]: ErrorFactory<ParamsOf<T[K]>> };

/** A row with its code, as docs/errors.md describes it. */
export interface DefinedEntry {
  readonly code: string;
  readonly entry: ErrorEntry<never>;
}

const catalogues = new Map<string, readonly DefinedEntry[]>();

/** Every catalogue defined so far, by room; the documentation check reads it. */
export const definedEntries = (): ReadonlyMap<string, readonly DefinedEntry[]> => catalogues;

const codeOf = (room: string, name: string): string =>
  `${room}_${name.replaceAll(/[A-Z]/g, (letter) => `_${letter}`)}`.toUpperCase().replaceAll('-', '_');

const factoryOf = <P extends object>(code: string, entry: ErrorEntry<P>): ErrorFactory<P> => {
  const make = (params: P, cause?: unknown): LadeError =>
    new LadeError({
      kind: entry.kind,
      code,
      message: entry.message(params),
      hint: typeof entry.hint === 'function' ? entry.hint(params) : entry.hint,
      details: params as Readonly<Record<string, unknown>>,
      cause,
    });
  const is = (error: unknown): error is LadeError => isLadeError(error) && error.code === code;
  return Object.assign(make, { code, kind: entry.kind, is });
};

/**
 * Defines a room's error catalogue.
 *
 * `{ blobNotFound: … }` in the room `store` gets the stable code `STORE_BLOB_NOT_FOUND`; docs/errors.md must
 * describe it (tools/check-docs.ts).
 */
export const defineErrors = <T extends Record<string, ErrorEntry<never>>>(
  room: string,
  entries: T,
): Factories<T> => {
  const named = Object.entries(entries).map(([name, entry]) => [name, codeOf(room, name), entry] as const);
  catalogues.set(room, [
    ...(catalogues.get(room) ?? []),
    ...named.map(([, code, entry]) => ({ code, entry })),
  ]);
  return Object.fromEntries(
    named.map(([name, code, entry]) => [name, factoryOf<never>(code, entry)]),
  ) as Factories<T>;
};
