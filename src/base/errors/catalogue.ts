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

type Entries = Readonly<Record<string, ErrorEntry<never>>>;

const catalogues: { readonly room: string; readonly entries: Entries }[] = [];

const codeOf = (room: string, name: string): string =>
  `${room}_${name.replaceAll(/[A-Z]/g, (letter) => `_${letter}`)}`.toUpperCase().replaceAll('-', '_');

/** Every catalogue defined so far, by room; the documentation check reads it. */
export const definedEntries = (): ReadonlyMap<string, readonly DefinedEntry[]> => {
  const byRoom = new Map<string, readonly DefinedEntry[]>();
  for (const { room, entries } of catalogues) {
    const defined = Object.entries(entries).map(([name, entry]) => ({ code: codeOf(room, name), entry }));
    byRoom.set(room, [...(byRoom.get(room) ?? []), ...defined]);
  }
  return byRoom;
};

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
 * describe it (tools/check-docs.ts). A row becomes a factory when it is asked for: every program loads hundreds of rows
 * and uses few.
 */
export const defineErrors = <T extends Record<string, ErrorEntry<never>>>(
  room: string,
  entries: T,
): Factories<T> => {
  catalogues.push({ room, entries });
  const made = new Map<string | symbol, ErrorFactory<never>>();
  return new Proxy({} as Factories<T>, {
    get(_factories, name) {
      const known = made.get(name);
      if (known !== undefined || typeof name === 'symbol' || !Object.hasOwn(entries, name)) return known;
      const factory = factoryOf<never>(codeOf(room, name), entries[name] as T[string]);
      made.set(name, factory);
      return factory;
    },
  });
};
