import type { Database, Row } from '#database';
import { parseDuration } from '#units';
import { systemRoomErrors } from './errors.ts';

/** An amount of space: bytes, or a share of the file system that the root is on. */
export type SpaceLimit =
  | { readonly kind: 'bytes'; readonly bytes: number }
  | { readonly kind: 'share'; readonly percent: number };

type ByteLimit = Extract<SpaceLimit, { readonly kind: 'bytes' }>;

/** Every setting with the type of its value. */
export interface SettingValues {
  readonly 'gc.budget': SpaceLimit | undefined;
  /** Milliseconds. */
  readonly 'builds.age': number;
  /** Bytes. */
  readonly 'builds.context-size': ByteLimit;
  readonly 'builds.context-files': number;
  /** Bytes. */
  readonly 'builds.download-size': ByteLimit;
  /** Milliseconds. */
  readonly 'builds.download-time': number;
  readonly 'builds.keep': number;
  /** Milliseconds. */
  readonly 'undo.keep': number;
}

export type SettingKey = keyof SettingValues;

export interface Setting {
  readonly key: string;
  /** As it was written; undefined where nobody set it. */
  readonly value: string | undefined;
  readonly default: string;
  readonly meaning: string;
}

/** What somebody may choose about one root. Kept in its database; a change counts at once. */
export interface Settings {
  /** All settings, in the order of their names. */
  list(): readonly Setting[];
  /** @throws SETTINGS_UNKNOWN */
  get(key: string): Setting;
  value<K extends SettingKey>(key: K): SettingValues[K];
  /** @throws SETTINGS_UNKNOWN, SETTINGS_VALUE_INVALID */
  set(key: string, value: string): Promise<Setting>;
  /** Takes the default again. */
  unset(key: string): Promise<Setting>;
}

const UNITS = ['', 'k', 'm', 'g', 't', 'p'];

/** `20GB` (powers of 1000), `20GiB` (powers of 1024), `500000000`, `10%`; undefined for anything else. */
export const parseSpaceLimit = (text: string): SpaceLimit | undefined => {
  const share = /^(\d+(?:\.\d+)?)\s*%$/.exec(text);
  if (share !== null) {
    const percent = Number(share[1]);
    return percent > 0 && percent <= 100 ? { kind: 'share', percent } : undefined;
  }
  const match = /^(\d+(?:\.\d+)?)\s*([kmgtp]?)(i?)(b?)$/i.exec(text);
  if (match === null) return undefined;
  const [, number = '', unit = '', binary = ''] = match;
  if (binary !== '' && unit === '') return undefined;
  const bytes = Math.trunc(
    Number(number) * (binary === '' ? 1000 : 1024) ** UNITS.indexOf(unit.toLowerCase()),
  );
  return bytes > 0 && Number.isSafeInteger(bytes) ? { kind: 'bytes', bytes } : undefined;
};

const MS_PER_NS = 1e-6;

const parseKeep = (text: string): number | undefined => {
  const days = /^(\d+(?:\.\d+)?)d$/.exec(text);
  const ms = days === null ? (parseDuration(text) ?? Number.NaN) * MS_PER_NS : Number(days[1]) * 86_400_000;
  return Number.isFinite(ms) && ms >= 0 ? Math.round(ms) : undefined;
};

interface Definition<T> {
  readonly parse: (text: string) => T | undefined;
  readonly default: string;
  readonly expected: string;
  readonly meaning: string;
}

const parseCount = (text: string): number | undefined => (/^\d{1,9}$/u.test(text) ? Number(text) : undefined);

/** Space in bytes alone. */
const parseBytes = (text: string): ByteLimit | undefined => {
  const limit = parseSpaceLimit(text);
  return limit?.kind === 'bytes' ? limit : undefined;
};

const DEFINITIONS: { readonly [K in SettingKey]: Definition<SettingValues[K]> } = {
  'builds.age': {
    parse: parseKeep,
    default: '30d',
    expected: 'a duration such as 12h or 30d',
    meaning: 'how long builds and their logs are remembered',
  },
  'builds.context-files': {
    parse: parseCount,
    default: '4000000',
    expected: 'a number of files',
    meaning: 'how many files a context that is sent or fetched, or an archive of ADD, may have',
  },
  'builds.context-size': {
    parse: parseBytes,
    default: '64GiB',
    expected: 'an amount of space such as 64GiB',
    meaning:
      'how large the files of a context that is sent or fetched, or of an archive of ADD, may be together',
  },
  'builds.download-size': {
    parse: parseBytes,
    default: '16GiB',
    expected: 'an amount of space such as 16GiB',
    meaning: 'how large a file or a repository may be that a build fetches',
  },
  'builds.download-time': {
    parse: parseKeep,
    default: '1h',
    expected: 'a duration such as 10m or 1h',
    meaning: 'how long fetching one file or repository for a build may take',
  },
  'builds.keep': {
    parse: parseCount,
    default: '100',
    expected: 'a number of builds, or 0 for none',
    meaning: 'how many builds are remembered, with their logs',
  },
  'gc.budget': {
    parse: parseSpaceLimit,
    default: '',
    expected: 'an amount of space such as 20GB, 20GiB or 10% (of the file system)',
    meaning: 'space that images, build cache and what can be undone may take together; none: no limit',
  },
  'undo.keep': {
    parse: parseKeep,
    default: '1h',
    expected: 'a duration such as 30m, 1h or 7d, or 0 for not at all',
    meaning: 'how long deleted images can be brought back, as long as their space is not needed',
  },
};

const isKey = (key: string): key is SettingKey => Object.hasOwn(DEFINITIONS, key);

const known = (key: string): SettingKey => {
  if (isKey(key)) return key;
  throw systemRoomErrors.unknown({ key, known: Object.keys(DEFINITIONS).join(', ') });
};

/** Opens the settings of a root; `onChange` is told of each change once it is durable. */
export const openSettings = (database: Database, onChange: () => void = () => undefined): Settings => {
  const rows = database.all<Row & { key: string; value: string }>('SELECT key, value FROM settings');
  const written = new Map(rows.map(({ key, value }) => [key, value]));
  const shown = (key: SettingKey): Setting => {
    const { default: standard, meaning } = DEFINITIONS[key];
    return { key, value: written.get(key), default: standard, meaning };
  };
  const change = async (key: SettingKey, value: string | undefined): Promise<Setting> => {
    const [sql, params] =
      value === undefined
        ? ['DELETE FROM settings WHERE key = ?', [key]]
        : [
            'INSERT INTO settings (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value',
            [key, value],
          ];
    await database.write([{ sql, params }]);
    if (value === undefined) written.delete(key);
    else written.set(key, value);
    onChange();
    return shown(key);
  };
  return {
    list: () => Object.keys(DEFINITIONS).toSorted().filter(isKey).map(shown),
    get: (key) => shown(known(key)),
    value(key) {
      const { parse, default: standard } = DEFINITIONS[key];
      // What an older version accepted and this one does not counts as not set.
      return (parse(written.get(key) ?? standard) ?? parse(standard)) as SettingValues[typeof key];
    },
    async set(key, value) {
      const name = known(key);
      const { parse, expected } = DEFINITIONS[name];
      if (parse(value.trim()) === undefined) throw systemRoomErrors.valueInvalid({ key, value, expected });
      return await change(name, value.trim());
    },
    unset: async (key) => await change(known(key), undefined),
  };
};
