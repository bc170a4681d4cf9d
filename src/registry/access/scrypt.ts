import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';

const derive = promisify<string, Buffer, number, { N: number; r: number; p: number; maxmem: number }, Buffer>(
  scrypt,
);

/** Cost of new hashes: 16 MiB and about 50 ms. Stored with each hash, so that a later version may raise it. */
const COST = { N: 16_384, r: 8, p: 1 } as const;
const SALT_BYTES = 16;
const KEY_BYTES = 32;
/** A hash that asks for more memory than this was not made here. */
const MAX_MEMORY = 256 * 1024 * 1024;

const HASH = /^\$scrypt\$n=(\d{1,8}),r=(\d{1,3}),p=(\d{1,3})\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/;

/** Normal form of a password (RFC 8265): the same characters count as the same, however they were typed. */
const normal = (password: string): string => password.normalize('NFC');

/** `$scrypt$n=…,r=…,p=…$SALT$KEY`, in base64 without padding. Runs in the thread pool. */
export const scryptHash = async (password: string): Promise<string> => {
  const salt = randomBytes(SALT_BYTES);
  const key = await derive(normal(password), salt, KEY_BYTES, { ...COST, maxmem: MAX_MEMORY });
  const text = (bytes: Buffer): string => bytes.toString('base64').replace(/=+$/, '');
  return `$scrypt$n=${COST.N},r=${COST.r},p=${COST.p}$${text(salt)}$${text(key)}`;
};

/** Whether the password makes this hash; false also for what is no such hash. */
export const scryptMatches = async (password: string, hash: string): Promise<boolean> => {
  const match = HASH.exec(hash);
  if (match === null) return false;
  const [, n = '', r = '', p = '', salt = '', key = ''] = match;
  const cost = { N: Number(n), r: Number(r), p: Number(p), maxmem: MAX_MEMORY };
  const expected = Buffer.from(key, 'base64');
  const found = await derive(normal(password), Buffer.from(salt, 'base64'), expected.length, cost);
  return timingSafeEqual(found, expected);
};
