import { dockerfileErrors } from './errors.ts';
import { didYouMean } from './suggest.ts';
import type { RunMount } from './types.ts';

const TYPES = ['bind', 'cache', 'tmpfs', 'secret', 'ssh'] as const;
type MountType = (typeof TYPES)[number];
const SHARING = ['shared', 'private', 'locked'] as const;

const ALIASES: Readonly<Record<string, string>> = {
  src: 'source',
  dst: 'target',
  destination: 'target',
  ro: 'readonly',
  rw: 'readwrite',
};
const KEYS = [
  'type',
  'from',
  'source',
  'target',
  'readonly',
  'readwrite',
  'id',
  'sharing',
  'required',
] as const;
const MORE_KEYS = ['mode', 'uid', 'gid', 'size', 'env'] as const;
const ALL_KEYS: readonly string[] = [...KEYS, ...MORE_KEYS, ...Object.keys(ALIASES)];
const BARE: ReadonlySet<string> = new Set(['readonly', 'readwrite', 'required']);

/** Which keys only make sense for some types. */
const ONLY_FOR: Readonly<Record<string, readonly MountType[]>> = {
  required: ['secret', 'ssh'],
  size: ['tmpfs'],
  sharing: ['cache'],
  env: ['secret'],
  mode: ['cache', 'secret', 'ssh'],
  uid: ['cache', 'secret', 'ssh'],
  gid: ['cache', 'secret', 'ssh'],
  from: ['bind', 'cache'],
};

type Fail = (reason: string) => never;

/** Fields separated by commas; a field in double quotes may hold commas, `""` is a quote. */
const splitFields = (text: string, fail: Fail): readonly string[] => {
  const fields: string[] = [];
  let at = 0;
  while (at <= text.length) {
    if (text[at] === '"') {
      const match = /^"((?:[^"]|"")*)"(?:,|$)/u.exec(text.slice(at));
      if (match === null) return fail('a quoted field does not end');
      fields.push((match[1] ?? '').replaceAll('""', '"'));
      at += match[0].length;
      if (!match[0].endsWith(',')) return fields;
      continue;
    }
    const comma = text.indexOf(',', at);
    const end = comma < 0 ? text.length : comma;
    fields.push(text.slice(at, end));
    at = end + 1;
  }
  return fields;
};

const TRUE = new Set(['1', 't', 'T', 'true', 'TRUE', 'True']);
const FALSE = new Set(['0', 'f', 'F', 'false', 'FALSE', 'False']);

const toBoolean = (key: string, value: string, fail: Fail): boolean => {
  if (TRUE.has(value)) return true;
  return FALSE.has(value) ? false : fail(`invalid value for ${key}: ${value}`);
};

const toNumber = (
  fields: ReadonlyMap<string, string>,
  key: string,
  base: 8 | 10,
  fail: Fail,
): number | undefined => {
  const value = fields.get(key);
  if (value === undefined) return undefined;
  const form = base === 8 ? /^[0-7]+$/u : /^\d+$/u;
  return form.test(value) ? Number.parseInt(value, base) : fail(`invalid value ${value} for ${key}`);
};

const UNIT_POWERS = 'kmgtp';

/** Bytes of `64m`, `1GiB`, `4096`. */
const toBytes = (value: string, fail: Fail): number => {
  const match = /^(\d+(?:\.\d+)?) ?(?:([kmgtp])?i?b?)$/iu.exec(value);
  if (match === null) return fail(`invalid value for size: ${value}`);
  const power = match[2] === undefined ? 0 : UNIT_POWERS.indexOf(match[2].toLowerCase()) + 1;
  return Math.floor(Number(match[1]) * 1024 ** power);
};

/** Replaces the variables of one value. */
type Expand = (value: string) => string;

const collect = (text: string, expand: Expand, fail: Fail): ReadonlyMap<string, string> => {
  const fields = new Map<string, string>();
  for (const field of splitFields(text, fail)) {
    const equals = field.indexOf('=');
    const written = (equals < 0 ? field : field.slice(0, equals)).toLowerCase();
    const key = ALIASES[written] ?? written;
    if (!ALL_KEYS.includes(key)) {
      const advice = didYouMean(written, ALL_KEYS);
      return fail(`unexpected key '${written}' in '${field}'${advice === undefined ? '' : ` (${advice})`}`);
    }
    if (equals < 0 && !BARE.has(key)) return fail(`invalid field '${field}' must be a key=value pair`);
    fields.set(key, equals < 0 ? 'true' : expand(field.slice(equals + 1)));
  }
  return fields;
};

const typeOf = (fields: ReadonlyMap<string, string>, fail: Fail): MountType => {
  const value = fields.get('type') ?? 'bind';
  const found = TYPES.find((type) => type === value.toLowerCase());
  if (found !== undefined) return found;
  const advice = didYouMean(value, TYPES);
  return fail(`unsupported mount type "${value}"${advice === undefined ? '' : ` (${advice})`}`);
};

const writableOf = (fields: ReadonlyMap<string, string>, otherwise: boolean, fail: Fail): boolean => {
  const readonly = fields.get('readonly');
  if (readonly !== undefined) return !toBoolean('readonly', readonly, fail);
  const readwrite = fields.get('readwrite');
  return readwrite === undefined ? otherwise : toBoolean('readwrite', readwrite, fail);
};

const sharingOf = (value: string | undefined, fail: Fail): (typeof SHARING)[number] => {
  if (value === undefined) return 'shared';
  const found = SHARING.find((mode) => mode === value.toLowerCase());
  if (found !== undefined) return found;
  const advice = didYouMean(value, SHARING);
  return fail(`unsupported sharing value "${value}"${advice === undefined ? '' : ` (${advice})`}`);
};

const requiredTarget = (fields: ReadonlyMap<string, string>, fail: Fail): string => {
  const target = fields.get('target') ?? '';
  return target === '' ? fail('target is required') : target;
};

const owner = (fields: ReadonlyMap<string, string>, mode: number, fail: Fail) => ({
  mode: toNumber(fields, 'mode', 8, fail) ?? mode,
  uid: toNumber(fields, 'uid', 10, fail) ?? 0,
  gid: toNumber(fields, 'gid', 10, fail) ?? 0,
});

/** An empty value is none, as where a variable is not set. */
const nonEmpty = (value: string | undefined): string | undefined => (value === '' ? undefined : value);

const cacheMount = (fields: ReadonlyMap<string, string>, fail: Fail): RunMount => {
  const target = requiredTarget(fields, fail);
  return {
    kind: 'cache',
    id: fields.get('id') ?? target,
    target,
    source: fields.get('source') ?? '/',
    from: nonEmpty(fields.get('from')),
    sharing: sharingOf(fields.get('sharing'), fail),
    readonly: !writableOf(fields, true, fail),
    ...owner(fields, 0o755, fail),
  };
};

const secretMount = (fields: ReadonlyMap<string, string>, fail: Fail): RunMount => {
  const source = fields.get('source');
  const written = fields.get('target');
  if (source !== undefined && fields.has('id')) return fail("both source and id can't be set");
  const id = fields.get('id') ?? source ?? written?.split('/').at(-1);
  if (id === undefined || id === '') return fail('one of id, target is required');
  const env = fields.get('env');
  return {
    kind: 'secret',
    id,
    target: written ?? (env === undefined ? `/run/secrets/${id.split('/').at(-1) ?? id}` : undefined),
    env,
    required: toBoolean('required', fields.get('required') ?? 'false', fail),
    ...owner(fields, 0o400, fail),
  };
};

const READERS: Readonly<Record<MountType, (fields: ReadonlyMap<string, string>, fail: Fail) => RunMount>> = {
  bind: (fields, fail) => ({
    kind: 'bind',
    target: requiredTarget(fields, fail),
    source: fields.get('source') ?? '/',
    from: nonEmpty(fields.get('from')),
    writable: writableOf(fields, false, fail),
  }),
  cache: cacheMount,
  tmpfs: (fields, fail) => {
    const size = fields.get('size');
    const sizeBytes = size === undefined ? undefined : toBytes(size, fail);
    return { kind: 'tmpfs', target: requiredTarget(fields, fail), sizeBytes };
  },
  secret: secretMount,
  ssh: (fields, fail) => ({
    kind: 'ssh',
    id: fields.get('id') ?? 'default',
    target: fields.get('target'),
    required: toBoolean('required', fields.get('required') ?? 'false', fail),
    ...owner(fields, 0o600, fail),
  }),
};

/** What `from=` names in a mount, as it is written; undefined without one. Faults are `parseRunMount`'s matter. */
export const mountFrom = (mount: string): string | undefined => {
  let fields: readonly string[];
  try {
    fields = splitFields(mount, (reason) => {
      throw new Error(reason);
    });
  } catch {
    return undefined;
  }
  const written = fields.findLast((field) => /^from=./iu.test(field));
  return written?.slice('from='.length);
};

/**
 * Reads the value of `RUN --mount=…`; `expand` replaces the variables of each field's value, so that no variable can
 * bring a field.
 *
 * @throws `DOCKERFILE_MOUNT`
 */
export const parseRunMount = (mount: string, expand: Expand = (value) => value): RunMount => {
  const fail: Fail = (reason) => {
    throw dockerfileErrors.mount({ mount, reason });
  };
  const fields = collect(mount, expand, fail);
  const type = typeOf(fields, fail);
  for (const [key, types] of Object.entries(ONLY_FOR)) {
    if (fields.has(key) && !types.includes(type)) fail(`unexpected key '${key}' for mount type '${type}'`);
  }
  return READERS[type](fields, fail);
};
