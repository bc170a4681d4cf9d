import { randomUUID } from 'node:crypto';
import {
  compilePattern,
  type Account,
  type AccountStore,
  type Cause,
  type GrantSubject,
  type Permission,
  type PersonalToken,
} from '#metadata';
import { accessErrors } from './errors.ts';
import { parseHtpasswd } from './htpasswd-file.ts';
import { requireGroupName, requireRobotName, requireTokenName, requireUserName } from './names.ts';
import { ALL_ACTIONS, isAction, isRole, ROLES } from './roles.ts';
import { scryptHash } from './scrypt.ts';
import { makeSecret, PERSONAL_TOKEN, ROBOT_SECRET, secretDigest } from './secrets.ts';

/** Characters of a password (NIST SP 800-63B asks for eight, and for no rules beside length). */
const LEAST_PASSWORD = 8;
const MOST_PASSWORD = 1_024;

export interface NewUser {
  readonly name: string;
  /** None for who signs in elsewhere. */
  readonly password?: string | undefined;
  readonly administrator?: boolean | undefined;
  readonly description?: string | undefined;
}

export interface UserChange {
  /** Ends sessions and tokens that were got with the old one; personal tokens stay. */
  readonly password?: string | undefined;
  readonly disabled?: boolean | undefined;
  readonly administrator?: boolean | undefined;
}

export interface NewRobot {
  readonly name: string;
  readonly permissions: readonly Permission[];
  readonly description?: string | undefined;
  readonly expiresMs?: number | undefined;
}

export interface NewToken {
  readonly owner: string;
  readonly name: string;
  /** None: all that the owner may. */
  readonly permissions?: readonly Permission[] | undefined;
  readonly expiresMs?: number | undefined;
}

export interface GrantRequest {
  readonly subject: GrantSubject;
  readonly pattern: string;
  readonly role: string;
}

/** A secret that is shown this once. */
export interface Shown {
  readonly name: string;
  readonly secret: string;
}

/** Rules of accounts, tokens and grants. Every change takes its cause. */
export interface AccountService {
  /** @throws ACCESS_NAME_INVALID, ACCESS_PASSWORD_TOO_SHORT, METADATA_NAME_TAKEN */
  addUser(user: NewUser, cause: Cause): Promise<void>;
  /** Adds the users of an htpasswd file that have no account yet; their names. @throws ACCESS_HTPASSWD_UNREADABLE */
  importUsers(text: string, cause: Cause): Promise<readonly string[]>;
  /** All of it, or nothing. @throws ACCESS_ACCOUNT_UNKNOWN, ACCESS_PASSWORD_TOO_SHORT, ACCESS_PASSWORD_TOO_LONG */
  changeUser(name: string, change: UserChange, cause: Cause): Promise<void>;
  setPassword(name: string, password: string, cause: Cause): Promise<void>;
  setDisabled(name: string, disabled: boolean, cause: Cause): Promise<void>;
  /** @throws ACCESS_ACCOUNT_UNKNOWN */
  remove(name: string, kind: Account['kind'], cause: Cause): Promise<void>;
  addRobot(robot: NewRobot, cause: Cause): Promise<Shown>;
  /** A new secret; the old one is worth nothing from now on. */
  rotateRobot(name: string, cause: Cause): Promise<Shown>;
  addToken(token: NewToken, cause: Cause): Promise<Shown & { readonly id: string }>;
  /** By id, or by name of one owner. @throws ACCESS_TOKEN_UNKNOWN */
  findToken(idOrName: string, owner: string | undefined): PersonalToken;
  revokeToken(token: PersonalToken, cause: Cause): Promise<void>;
  grant(grant: GrantRequest, cause: Cause): Promise<void>;
  ungrant(grant: Omit<GrantRequest, 'role'>, cause: Cause): Promise<void>;
}

const requirePassword = (password: string): void => {
  if (password.length < LEAST_PASSWORD) throw accessErrors.passwordTooShort({ least: LEAST_PASSWORD });
  if (password.length > MOST_PASSWORD) throw accessErrors.passwordTooLong({ most: MOST_PASSWORD });
};

/** @throws METADATA_PATTERN_INVALID, ACCESS_WORD_UNKNOWN */
const requirePermissions = (permissions: readonly Permission[]): void => {
  for (const { pattern, actions } of permissions) {
    compilePattern(pattern);
    const unknown = actions.find((action) => !isAction(action));
    if (unknown !== undefined)
      throw accessErrors.wordUnknown({ what: 'action', word: unknown, known: ALL_ACTIONS });
  }
};

const requireSubject = ({ kind, name }: GrantSubject): GrantSubject => {
  if (kind === 'robot') return { kind, name: requireRobotName(name) };
  return { kind, name: kind === 'user' ? requireUserName(name) : requireGroupName(name) };
};

const requireAccount = (accounts: AccountStore, name: string, kind: Account['kind']): Account => {
  const account = accounts.account(name);
  if (account?.kind !== kind) throw accessErrors.accountUnknown({ name });
  return account;
};

const createRobots = (accounts: AccountStore): Pick<AccountService, 'addRobot' | 'rotateRobot'> => ({
  addRobot: async ({ name, permissions, description, expiresMs }, cause) => {
    requirePermissions(permissions);
    const [whole, secret] = [requireRobotName(name), makeSecret(ROBOT_SECRET)];
    const secretHash = secretDigest(secret);
    await accounts.addAccount(
      { name: whole, kind: 'robot', secretHash, permissions, description, expiresMs },
      cause,
    );
    return { name: whole, secret };
  },
  rotateRobot: async (name, cause) => {
    const { name: whole } = requireAccount(accounts, requireRobotName(name), 'robot');
    const secret = makeSecret(ROBOT_SECRET);
    await accounts.changeAccount(whole, { secretHash: secretDigest(secret) }, cause);
    return { name: whole, secret };
  },
});

const createTokens = (
  accounts: AccountStore,
): Pick<AccountService, 'addToken' | 'findToken' | 'revokeToken'> => ({
  addToken: async ({ owner, name, permissions, expiresMs }, cause) => {
    requireTokenName(name);
    requirePermissions(permissions ?? []);
    requireAccount(accounts, owner, 'user');
    const [id, secret] = [randomUUID(), makeSecret(PERSONAL_TOKEN)];
    await accounts.addToken({ id, owner, name, digest: secretDigest(secret), permissions, expiresMs }, cause);
    return { id, name, secret };
  },
  findToken: (idOrName, owner) => {
    const token = accounts
      .tokens(owner)
      .find(({ id, name }) => id === idOrName || (owner !== undefined && name === idOrName));
    if (token === undefined) throw accessErrors.tokenUnknown({ name: idOrName });
    return token;
  },
  revokeToken: async (token, cause) => {
    if (!(await accounts.removeToken(token, cause))) throw accessErrors.tokenUnknown({ name: token.name });
  },
});

const createGrants = (accounts: AccountStore): Pick<AccountService, 'grant' | 'ungrant'> => ({
  grant: async ({ subject, pattern, role }, cause) => {
    if (!isRole(role)) throw accessErrors.wordUnknown({ what: 'role', word: role, known: ROLES });
    compilePattern(pattern);
    await accounts.putGrant({ subject: requireSubject(subject), pattern, role }, cause);
  },
  ungrant: async ({ subject, pattern }, cause) => {
    const who = requireSubject(subject);
    if (!(await accounts.removeGrant({ subject: who, pattern }, cause)))
      throw accessErrors.grantUnknown({ subject: who.name, pattern });
  },
});

/** The rules over the accounts in the metadata. */
export const createAccountService = (accounts: AccountStore): AccountService => {
  const changeAccount = async (
    name: string,
    change: Parameters<AccountStore['changeAccount']>[1],
    cause: Cause,
  ): Promise<void> => {
    if (!(await accounts.changeAccount(name, change, cause))) throw accessErrors.accountUnknown({ name });
  };
  const changeUser: AccountService['changeUser'] = async (name, { password, ...change }, cause) => {
    if (password !== undefined) requirePassword(password);
    if (password !== undefined || change.administrator !== undefined) requireAccount(accounts, name, 'user');
    const secretHash = password === undefined ? undefined : await scryptHash(password);
    const whole = { ...change, secretHash };
    if (Object.values(whole).some((value) => value !== undefined)) await changeAccount(name, whole, cause);
  };
  return {
    ...createRobots(accounts),
    ...createTokens(accounts),
    ...createGrants(accounts),
    addUser: async ({ name, password, administrator, description }, cause) => {
      requireUserName(name);
      if (password !== undefined) requirePassword(password);
      const secretHash = password === undefined ? undefined : await scryptHash(password);
      await accounts.addAccount({ name, kind: 'user', secretHash, administrator, description }, cause);
    },
    importUsers: async (text, cause) => {
      const added: string[] = [];
      for (const [name, secretHash] of parseHtpasswd(text, 'the file')) {
        if (accounts.account(requireUserName(name)) !== undefined) continue;
        await accounts.addAccount({ name, kind: 'user', secretHash }, cause);
        added.push(name);
      }
      return added;
    },
    changeUser,
    setPassword: (name, password, cause) => changeUser(name, { password }, cause),
    setDisabled: (name, disabled, cause) => changeAccount(name, { disabled }, cause),
    remove: async (name, kind, cause) => {
      const whole = kind === 'robot' ? requireRobotName(name) : name;
      requireAccount(accounts, whole, kind);
      await accounts.removeAccount(whole, cause);
    },
  };
};
