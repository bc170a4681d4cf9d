import { createHash, randomBytes } from 'node:crypto';

/** Begins every personal token, so that scanners find those that were published. */
export const PERSONAL_TOKEN = 'ladepat_';
/** Begins every secret of a robot. */
export const ROBOT_SECRET = 'laderob_';
/** Begins every refresh token. */
export const REFRESH_TOKEN = 'laderef_';

const BYTES = 32;

/** A new secret of 256 random bits; nobody guesses it, so that a plain digest of it may be stored. */
export const makeSecret = (prefix: string): string => prefix + randomBytes(BYTES).toString('base64url');

/** What is stored of such a secret, in hex. */
export const secretDigest = (secret: string): string => createHash('sha256').update(secret).digest('hex');
