import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Account, AccountStore } from '#metadata';
import type { Credentials } from './basic.ts';
import type { HtpasswdFile } from './htpasswd-file.ts';
import { identityOf, type Identity } from './identity.ts';
import { isBcrypt, type Passwords } from './passwords.ts';
import { PERSONAL_TOKEN, ROBOT_SECRET, secretDigest } from './secrets.ts';
import type { Throttle } from './throttle.ts';
import { createVerified } from './verified.ts';

/** Knows people and robots by what they show. */
export interface Directory {
  /**
   * Whom name and secret prove. Unknown names take as long as known ones.
   *
   * @throws ACCESS_THROTTLED
   */
  prove(credentials: Credentials, address: string): Promise<Identity | undefined>;
}

export interface DirectoryParts {
  readonly accounts: AccountStore;
  readonly passwords: Passwords;
  readonly throttle: Throttle;
  readonly htpasswd: HtpasswdFile | undefined;
  /** Users of the file may do everything. */
  readonly htpasswdUnlimited: boolean;
}

/** A user of the htpasswd file; where the metadata knows the name too, only that counts. */
const fileIdentity = (name: string, unlimited: boolean): Identity => ({
  name,
  kind: 'user',
  proof: 'password',
  account: undefined,
  groups: [],
  administrator: unlimited,
  permissions: [],
  unlimited,
});

const sameText = (a: string, b: string): boolean => {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
};

/** People by password, personal tokens as passwords of their owners, robots by their secrets. */
export const createDirectory = (parts: DirectoryParts): Directory => {
  const { accounts, passwords, throttle, htpasswd, htpasswdUnlimited } = parts;
  const verified = createVerified();
  const key = randomBytes(32);
  let decoys: { readonly version: number; readonly hashes: readonly string[] } = { version: -1, hashes: [] };

  /** The hash that an unknown name is compared with: one of somebody else, always the same for the name. */
  const decoyFor = (name: string): string | undefined => {
    const version = accounts.version() + (htpasswd?.version() ?? 0);
    if (decoys.version !== version) {
      const own = accounts.accounts('user').flatMap(({ secretHash }) => secretHash ?? []);
      decoys = { version, hashes: [...own, ...(htpasswd?.hashes() ?? [])] };
    }
    const draw = createHmac('sha256', key).update(name).digest().readUInt32BE(0);
    return decoys.hashes[draw % Math.max(decoys.hashes.length, 1)];
  };

  const byToken = ({ name, password }: Credentials): Identity | undefined => {
    const token = accounts.tokenOfDigest(secretDigest(password));
    if (token === undefined || token.owner !== name) return undefined;
    const owner = accounts.account(token.owner);
    return owner === undefined ? undefined : identityOf(owner, 'token', token);
  };

  const byRobotSecret = ({ name, password }: Credentials): Identity | undefined => {
    const robot = accounts.account(name);
    const digest = secretDigest(password);
    if (robot?.kind !== 'robot' || !sameText(robot.secretHash ?? '', digest)) return undefined;
    return identityOf(robot, 'secret');
  };

  /** A hash that was imported is made anew, so that all cost the same and none stays weak. */
  const strengthen = async (account: Account, password: string): Promise<void> => {
    const secretHash = await passwords.hash(password);
    if (accounts.account(account.name)?.secretHash !== account.secretHash) return;
    await accounts.replaceHash(account.name, secretHash);
  };

  const hashOf = async (name: string, account: Account | undefined): Promise<string | undefined> => {
    if (account === undefined) return htpasswd?.hashOf(name);
    return account.kind === 'user' ? account.secretHash : undefined;
  };

  const compare = async ({ name, password }: Credentials, hash: string | undefined): Promise<boolean> => {
    if (hash !== undefined) return passwords.matches(password, hash);
    await passwords.matches(password, decoyFor(name));
    return false;
  };

  const byPassword = async (credentials: Credentials, address: string): Promise<Identity | undefined> => {
    const { name, password } = credentials;
    const account = accounts.account(name);
    const hash = await hashOf(name, account);
    const identity = (): Identity | undefined =>
      account === undefined ? fileIdentity(name, htpasswdUnlimited) : identityOf(account, 'password');
    if (hash !== undefined && verified.has(name, password, hash)) return identity();
    await throttle.admit(address, name);
    const proved = (await compare(credentials, hash)) ? identity() : undefined;
    if (proved === undefined || hash === undefined) {
      throttle.failed(address, name);
      return undefined;
    }
    throttle.succeeded(address, name);
    verified.add(name, password, hash);
    if (account !== undefined && isBcrypt(hash)) await strengthen(account, password);
    return proved;
  };

  return {
    prove: async (credentials, address) => {
      if (credentials.password.startsWith(PERSONAL_TOKEN)) return byToken(credentials);
      if (credentials.password.startsWith(ROBOT_SECRET)) return byRobotSecret(credentials);
      return byPassword(credentials, address);
    },
  };
};
