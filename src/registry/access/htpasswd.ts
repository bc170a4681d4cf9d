import { createHash, timingSafeEqual } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { createWorkerPool, workerUrl } from '#work';
import { accessErrors } from './errors.ts';
import type { AccessControl, Caller } from './types.ts';

/** What the worker compares. */
export interface PasswordCheck {
  readonly password: string;
  readonly hash: string;
}

export interface HtpasswdOptions {
  readonly path: string;
  readonly realm?: string | undefined;
}

const BCRYPT = /^\$2[aby]\$\d\d\$[./A-Za-z0-9]{53}$/;
/** Longest time a changed file goes unnoticed. */
const RECHECK_MS = 1_000;
/** Verified credentials kept; the oldest go first. */
const MAX_VERIFIED = 1_000;
/** Compared for unknown names, so that they take as long as known ones. */
const NOBODY = '$2b$10$wehBwS0KO16n8BNIqTCi..CyQ8Sco39SCCG7GQrf80k70Z2tXXA.W';

/** Names and bcrypt hashes of an htpasswd file. @throws ACCESS_HTPASSWD_UNREADABLE */
export const parseHtpasswd = (text: string, path: string): ReadonlyMap<string, string> => {
  const users = new Map<string, string>();
  for (const [index, line] of text.split('\n').entries()) {
    if (line.trim() === '' || line.startsWith('#')) continue;
    const colon = line.indexOf(':');
    const hash = line.slice(colon + 1).trim();
    if (colon < 1 || !BCRYPT.test(hash)) {
      throw accessErrors.htpasswdUnreadable({ path, reason: `line ${index + 1} is not NAME:BCRYPT` });
    }
    users.set(line.slice(0, colon), hash);
  }
  return users;
};

/** Name and password of a Basic header (RFC 7617). */
export const parseBasic = (
  header: string | undefined,
): { readonly name: string; readonly password: string } | undefined => {
  const match = /^Basic +([A-Za-z0-9+/=_-]+)$/i.exec(header ?? '');
  const text = Buffer.from(match?.[1] ?? '', 'base64').toString('utf8');
  const colon = text.indexOf(':');
  return colon < 1 ? undefined : { name: text.slice(0, colon), password: text.slice(colon + 1) };
};

const fingerprint = (password: string, hash: string): Buffer =>
  createHash('sha256').update(hash).update('\0').update(password).digest();

const nobody: Caller = {
  name: 'anonymous',
  kind: 'anonymous',
  loggedIn: false,
  may: () => false,
  administrator: false,
};

const everything = (name: string): Caller => ({
  name,
  kind: 'user',
  loggedIn: true,
  may: () => true,
  administrator: true,
});

/**
 * Users from an htpasswd file with bcrypt hashes, read again when it changes. bcrypt runs in a worker thread and once for
 * each credential: what was verified is remembered by a hash.
 *
 * @throws ACCESS_HTPASSWD_UNREADABLE
 */
export const createHtpasswd = async (options: HtpasswdOptions): Promise<AccessControl> => {
  const { path } = options;
  const pool = createWorkerPool<PasswordCheck, boolean>({
    url: workerUrl(import.meta.url, 'bcrypt.worker'),
    size: 1,
    name: 'bcrypt',
  });
  const verified = new Map<string, Buffer>();
  let users: ReadonlyMap<string, string> = new Map();
  let version = '';
  let checkedMs = 0;

  const load = async (): Promise<void> => {
    checkedMs = Date.now();
    const info = await stat(path);
    const found = `${info.ino}:${info.mtimeMs}:${info.size}`;
    if (found === version) return;
    users = parseHtpasswd(await readFile(path, 'utf8'), path);
    version = found;
    verified.clear();
  };

  const remember = (name: string, proof: Buffer): void => {
    const [oldest] = verified.keys();
    if (verified.size >= MAX_VERIFIED && oldest !== undefined) verified.delete(oldest);
    verified.set(name, proof);
  };

  /** The name that a header proves. */
  const prove = async (header: string | undefined): Promise<string | undefined> => {
    const basic = parseBasic(header);
    if (basic === undefined) return undefined;
    if (Date.now() - checkedMs > RECHECK_MS) await load().catch(() => undefined);
    const hash = users.get(basic.name);
    const proof = fingerprint(basic.password, hash ?? NOBODY);
    const known = verified.get(basic.name);
    if (hash !== undefined && known !== undefined && timingSafeEqual(known, proof)) return basic.name;
    const matches = await pool.run({ password: basic.password, hash: hash ?? NOBODY });
    if (!matches || hash === undefined) return undefined;
    remember(basic.name, proof);
    return basic.name;
  };

  try {
    await load();
  } catch (error) {
    await pool[Symbol.asyncDispose]();
    if (accessErrors.htpasswdUnreadable.is(error)) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw accessErrors.htpasswdUnreadable({ path, reason }, error);
  }
  return {
    challenge: () => `Basic realm="${options.realm ?? 'lade registry'}"`,
    authenticate: async ({ authorization }) => {
      if (authorization === undefined) return nobody;
      const name = await prove(authorization);
      if (name === undefined) throw accessErrors.unauthorized({});
      return everything(name);
    },
    [Symbol.asyncDispose]: () => pool[Symbol.asyncDispose](),
  };
};
