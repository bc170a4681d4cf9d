import { createWorkerPool, workerUrl } from '#work';
import { accessErrors } from './errors.ts';
import { scryptHash, scryptMatches } from './scrypt.ts';

/** What the worker compares. */
export interface PasswordCheck {
  readonly password: string;
  readonly hash: string;
}

/** Makes and compares hashes of passwords, never on the calling thread. */
export interface Passwords extends AsyncDisposable {
  /** @throws ACCESS_THROTTLED when too many wait */
  hash(password: string): Promise<string>;
  /** For no hash it computes one all the same, and answers false. */
  matches(password: string, hash: string | undefined): Promise<boolean>;
  /** Hashes computed so far. */
  computed(): number;
}

const BCRYPT = /^\$2[aby]\$\d\d\$[./A-Za-z0-9]{53}$/;

export const isBcrypt = (hash: string): boolean => BCRYPT.test(hash);

/** Computed at the same moment; more would take the thread pool from the disk. */
const AT_ONCE = 2;
/** Logins that wait for their turn; more are told to come again. */
const MAX_WAITING = 200;
const BUSY_SECONDS = 2;
/** Longest password that is looked at; bcrypt takes 72 bytes and scrypt any length, at a price. */
const MAX_PASSWORD = 1_024;

/** At most `limit` pieces of work at the same time, in the order of the calls. */
const bounded = (limit: number): (<T>(work: () => Promise<T>) => Promise<T>) => {
  let running = 0;
  const waiting: (() => void)[] = [];
  return async (work) => {
    if (waiting.length >= MAX_WAITING) throw accessErrors.throttled({ retryAfterSeconds: BUSY_SECONDS });
    if (running >= limit) await new Promise<void>((resolve) => waiting.push(resolve));
    else running += 1;
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next === undefined) running -= 1;
      else next();
    }
  };
};

/**
 * scrypt for what is made here, bcrypt too for what was imported. Compared for unknown names, `nobody` costs what most
 * known names cost.
 */
export const createPasswords = (): Passwords => {
  const pool = createWorkerPool<PasswordCheck, boolean>({
    url: workerUrl(import.meta.url, 'bcrypt.worker'),
    size: 1,
    name: 'bcrypt',
  });
  const oneOfFew = bounded(AT_ONCE);
  let computed = 0;
  let nobody: Promise<string> | undefined;

  const compute = <T>(work: () => Promise<T>): Promise<T> => {
    computed += 1;
    return oneOfFew(work);
  };

  return {
    computed: () => computed,
    hash: (password) => compute(() => scryptHash(password)),
    matches: async (password, hash) => {
      if (password.length > MAX_PASSWORD) return false;
      nobody ??= scryptHash('');
      const against = hash ?? (await nobody);
      const right = isBcrypt(against)
        ? await compute(() => pool.run({ password, hash: against }))
        : await compute(() => scryptMatches(password, against));
      return right && hash !== undefined;
    },
    [Symbol.asyncDispose]: () => pool[Symbol.asyncDispose](),
  };
};
