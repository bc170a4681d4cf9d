/** Readers of parsed JSON that fail with the place of the fault; `null` counts as absent, as Go writes it. */
export type Fail = (reason: string) => Error;

export interface JsonObject {
  readonly [key: string]: unknown;
}

export const parseJson = (bytes: Uint8Array, fail: Fail): unknown => {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw fail(`it is not JSON (${cause instanceof Error ? cause.message : String(cause)})`);
  }
};

const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const kindOf = (value: unknown): string => {
  if (value === undefined || value === null) return 'nothing';
  return Array.isArray(value) ? 'a list' : `a ${typeof value}`;
};

/** Reads the fields of one JSON object. `path` names it in faults. */
export const createReader = (value: unknown, path: string, fail: Fail) => {
  if (!isObject(value)) throw fail(`${path} must be an object, not ${kindOf(value)}`);
  const place = (key: string): string => (path === '' ? key : `${path}.${key}`);
  const wrong = (key: string, wanted: string): Error =>
    fail(`${place(key)} must be ${wanted}, not ${kindOf(value[key])}`);

  const raw = (key: string): unknown => (Object.hasOwn(value, key) ? (value[key] ?? undefined) : undefined);
  const optional = <T>(key: string, wanted: string, is: (found: unknown) => found is T): T | undefined => {
    const found = raw(key);
    if (found === undefined) return undefined;
    if (!is(found)) throw wrong(key, wanted);
    return found;
  };
  const isString = (found: unknown): found is string => typeof found === 'string';
  const isBoolean = (found: unknown): found is boolean => typeof found === 'boolean';
  const isInteger = (found: unknown): found is number => Number.isSafeInteger(found);
  const isList = (found: unknown): found is readonly unknown[] => Array.isArray(found);
  const isStrings = (found: unknown): found is readonly string[] => isList(found) && found.every(isString);
  const isStringMap = (found: unknown): found is Readonly<Record<string, string>> =>
    isObject(found) && Object.values(found).every(isString);

  return {
    raw,
    place,
    keys: (): readonly string[] => Object.keys(value),
    string: (key: string) => optional(key, 'a string', isString),
    boolean: (key: string) => optional(key, 'true or false', isBoolean),
    integer: (key: string) => optional(key, 'a whole number', isInteger),
    list: (key: string) => optional(key, 'a list', isList),
    strings: (key: string) => optional(key, 'a list of strings', isStrings),
    stringMap: (key: string) => optional(key, 'an object of strings', isStringMap),
    object: (key: string) => optional(key, 'an object', isObject),
  };
};

export type Reader = ReturnType<typeof createReader>;

/** An object without the members that are undefined. */
export const defined = <T extends object>(value: T): T =>
  Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined)) as T;
