import { statSync, type Stats } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { accessErrors } from './errors.ts';
import { isBcrypt } from './passwords.ts';

/** Users of an htpasswd file, read again when it changes. */
export interface HtpasswdFile {
  /** The bcrypt hash of a user. */
  hashOf(name: string): Promise<string | undefined>;
  /** Grows when the file changed, at most a second ago: asking looks at it. */
  version(): number;
  /** Of all its users. */
  hashes(): readonly string[];
}

/** Longest time a changed file goes unnoticed. */
const RECHECK_MS = 1_000;

const stampOf = ({ ino, mtimeMs, size }: Stats): string => `${ino}:${mtimeMs}:${size}`;

/** Names and bcrypt hashes of an htpasswd file. @throws ACCESS_HTPASSWD_UNREADABLE */
export const parseHtpasswd = (text: string, path: string): ReadonlyMap<string, string> => {
  const users = new Map<string, string>();
  for (const [index, line] of text.split('\n').entries()) {
    if (line.trim() === '' || line.startsWith('#')) continue;
    const colon = line.indexOf(':');
    const hash = line.slice(colon + 1).trim();
    if (colon < 1 || !isBcrypt(hash)) {
      throw accessErrors.htpasswdUnreadable({ path, reason: `line ${index + 1} is not NAME:BCRYPT` });
    }
    users.set(line.slice(0, colon), hash);
  }
  return users;
};

/**
 * Opens the file. A change that cannot be read is ignored, and what was read last stays.
 *
 * @throws ACCESS_HTPASSWD_UNREADABLE
 */
export const openHtpasswd = async (path: string): Promise<HtpasswdFile> => {
  let users: ReadonlyMap<string, string> = new Map();
  let [stamp, seen] = ['', ''];
  let version = 0;
  let checkedMs = 0;

  const load = async (): Promise<void> => {
    const found = stampOf(await stat(path));
    if (found === stamp) return;
    users = parseHtpasswd(await readFile(path, 'utf8'), path);
    stamp = found;
    version += 1;
  };

  /** Whether the file is another one than what was read, as far as was looked within the last second. */
  const hasChanged = (): boolean => {
    if (Date.now() - checkedMs > RECHECK_MS) {
      checkedMs = Date.now();
      const info = statSync(path, { throwIfNoEntry: false });
      const found = info === undefined ? stamp : stampOf(info);
      if (found !== stamp && found !== seen) version += 1;
      seen = found;
    }
    return seen !== '' && seen !== stamp;
  };

  try {
    await load();
  } catch (error) {
    if (accessErrors.htpasswdUnreadable.is(error)) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw accessErrors.htpasswdUnreadable({ path, reason }, error);
  }
  return {
    version: () => {
      hasChanged();
      return version;
    },
    hashOf: async (name) => {
      // One that cannot be read is looked at again when the next second begins.
      if (hasChanged()) await load().catch(() => (seen = stamp));
      return users.get(name);
    },
    hashes: () => [...users.values()],
  };
};
