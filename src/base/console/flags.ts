/** What a flag takes. `bytes` and `duration` arrive as numbers: bytes and nanoseconds. */
export type FlagKind = 'bool' | 'string' | 'list' | 'int' | 'float' | 'bytes' | 'duration';

/** One row of a verb's flag table; the row's key is the long name. */
export interface FlagSpec {
  readonly kind: FlagKind;
  /** One letter. */
  readonly short?: string;
  readonly help: string;
  /** Word that help shows for the value, where the kind's own does not fit (`map`, `mount`, `network`). */
  readonly type?: string;
  /** A string's value where the flag stands alone; another one is then taken only after `=`. */
  readonly bare?: string;
  /** A size may be -1: no limit. */
  readonly orUnlimited?: boolean;
  /** Default of a bool (otherwise false). */
  readonly on?: boolean;
  /** Text that help shows as the default. */
  readonly shownDefault?: string;
  /** Accepted but not shown. */
  readonly hidden?: boolean;
  /** Another name for this row of the same table; its values go there. */
  readonly aliasOf?: string;
}

export type FlagTable = Readonly<Record<string, FlagSpec>>;

type ValueOf<K extends FlagKind> = K extends 'bool'
  ? boolean
  : K extends 'list'
    ? readonly string[]
    : K extends 'string'
      ? string | undefined
      : number | undefined;

/** Values by long name. What was not given is undefined, an empty list, or a bool's default. */
export type FlagValues<T extends FlagTable> = { readonly [K in keyof T]: ValueOf<T[K]['kind']> };

/** Fixes a table's literal types. */
export const flagTable = <const T extends FlagTable>(table: T): T => table;
