import type { Database, SqlValue, Statement } from '#database';
import { isLadeError } from '#errors';
import { createAccountReads } from './account-reads.ts';
import type { AccountChange, AccountStore, NewAccount, PersonalToken, StoredGrant } from './account-types.ts';
import { metadataErrors } from './errors.ts';
import type { JournalWriter } from './journal.ts';
import type { Cause } from './types.ts';

const bit = (value: boolean | undefined): SqlValue => (value === undefined ? null : Number(value));

/** Generations begin anywhere: tokens of a removed account say nothing for a later one of the same name. */
const insertAccount = (account: NewAccount): Statement => ({
  sql: `INSERT INTO accounts VALUES (?, ?, ?, ?, 0, ?, ?, ?, ?, ?, ?, NULL, abs(random() % 1000000000000))`,
  params: [
    account.name,
    account.kind,
    account.secretHash ?? null,
    Number(account.administrator ?? false),
    account.description ?? '',
    account.origin ?? null,
    JSON.stringify(account.groups ?? []),
    JSON.stringify(account.permissions ?? []),
    Date.now(),
    account.expiresMs ?? null,
  ],
});

const changeStatements = (name: string, change: AccountChange): readonly Statement[] => {
  const { secretHash = null, administrator, disabled, groups } = change;
  const ended = secretHash !== null || disabled === true ? ['refresh_tokens', 'sessions'] : [];
  return [
    {
      sql: `UPDATE accounts SET secret_hash = coalesce(?1, secret_hash),
              generation = generation + (?1 IS NOT NULL),
              administrator = coalesce(?2, administrator), disabled = coalesce(?3, disabled),
              groups = coalesce(?4, groups)
            WHERE name = ?5`,
      params: [
        secretHash,
        bit(administrator),
        bit(disabled),
        groups === undefined ? null : JSON.stringify(groups),
        name,
      ],
      expectChanges: 1,
    },
    ...ended.map((table) => ({ sql: `DELETE FROM ${table} WHERE account = ?`, params: [name] })),
  ];
};

const CHANGES: readonly (readonly [keyof AccountChange, (change: AccountChange) => string])[] = [
  ['secretHash', () => 'new secret'],
  ['administrator', ({ administrator }) => (administrator === true ? 'administrator' : 'no administrator')],
  ['disabled', ({ disabled }) => (disabled === true ? 'disabled' : 'enabled')],
  ['groups', ({ groups }) => `groups ${groups?.join(', ') ?? ''}`],
];

const changeText = (change: AccountChange): string =>
  CHANGES.filter(([key]) => change[key] !== undefined)
    .map(([, text]) => text(change))
    .join(', ');

const subjectText = ({ subject, pattern }: Pick<StoredGrant, 'subject' | 'pattern'>): string =>
  `${subject.kind} ${subject.name} on ${pattern}`;

const inserting = async (name: string, work: Promise<unknown>): Promise<void> => {
  try {
    await work;
  } catch (error) {
    if (isLadeError(error, 'conflict')) throw metadataErrors.nameTaken({ name }, error);
    throw error;
  }
};

/** Accounts in an open database that has this room's migrations. */
export const createAccounts = (database: Database, journal: JournalWriter): AccountStore => {
  let version = 0;
  const reads = createAccountReads(database);

  /** One transaction with its entry; then whoever remembers rights looks again. */
  const changing = async (
    statements: readonly Statement[],
    what: { readonly reason: string; readonly cause: Cause },
  ): Promise<void> => {
    const entry = { action: 'administer', outcome: 'done', ...what } as const;
    await database.write([...statements, journal.statement(entry)]);
    version += 1;
    journal.appended();
  };

  const quietly = async (statement: Statement): Promise<void> => {
    await database.write([statement]);
  };

  /** Nothing happens, the journal included, where there is nothing to change. */
  const ifThere = async (work: Promise<void>): Promise<boolean> => {
    try {
      await work;
      return true;
    } catch (error) {
      if (isLadeError(error, 'conflict')) return false;
      throw error;
    }
  };

  const kindOf = (name: string): string => reads.account(name)?.kind ?? 'account';

  return {
    ...reads,
    version: () => version,
    addAccount: async (account, cause) => {
      const { name, kind } = account;
      if (reads.account(name) !== undefined) throw metadataErrors.nameTaken({ name });
      await inserting(name, changing([insertAccount(account)], { reason: `${kind} ${name} added`, cause }));
    },
    changeAccount: (name, change, cause) =>
      ifThere(
        changing(changeStatements(name, change), {
          reason: `${kindOf(name)} ${name}: ${changeText(change)}`,
          cause,
        }),
      ),
    replaceHash: async (name, secretHash) => {
      await quietly({
        sql: 'UPDATE accounts SET secret_hash = ? WHERE name = ?',
        params: [secretHash, name],
      });
      version += 1;
    },
    removeAccount: (name, cause) =>
      ifThere(
        changing(
          [
            { sql: 'DELETE FROM grants WHERE subject = ? AND subject_kind <> ?', params: [name, 'group'] },
            { sql: 'DELETE FROM accounts WHERE name = ?', params: [name], expectChanges: 1 },
          ],
          { reason: `${kindOf(name)} ${name} removed`, cause },
        ),
      ),
    addToken: async (token: Omit<PersonalToken, 'createdMs' | 'usedMs'>, cause) => {
      const { id, owner, name, digest, permissions, expiresMs } = token;
      if (reads.tokens(owner).some((other) => other.name === name)) throw metadataErrors.nameTaken({ name });
      const list = permissions === undefined ? null : JSON.stringify(permissions);
      const insert = {
        sql: 'INSERT INTO access_tokens VALUES (?, ?, ?, ?, ?, ?, ?, NULL)',
        params: [id, owner, name, digest, list, Date.now(), expiresMs ?? null],
      };
      await inserting(name, changing([insert], { reason: `token ${name} of ${owner} added`, cause }));
    },
    removeToken: ({ id, name, owner }, cause) =>
      ifThere(
        changing([{ sql: 'DELETE FROM access_tokens WHERE id = ?', params: [id], expectChanges: 1 }], {
          reason: `token ${name} of ${owner} revoked`,
          cause,
        }),
      ),
    putGrant: ({ subject, pattern, role }, cause) =>
      changing(
        [
          {
            sql: `INSERT INTO grants VALUES (?, ?, ?, ?, ?)
                  ON CONFLICT (subject_kind, subject, pattern) DO UPDATE SET role = excluded.role`,
            params: [subject.kind, subject.name, pattern, role, Date.now()],
          },
        ],
        { reason: `grant of ${role} to ${subjectText({ subject, pattern })}`, cause },
      ),
    removeGrant: ({ subject, pattern }, cause) =>
      ifThere(
        changing(
          [
            {
              sql: 'DELETE FROM grants WHERE subject_kind = ? AND subject = ? AND pattern = ?',
              params: [subject.kind, subject.name, pattern],
              expectChanges: 1,
            },
          ],
          { reason: `grant removed of ${subjectText({ subject, pattern })}`, cause },
        ),
      ),
    addRefreshToken: ({ digest, account, generation, tokenId, service, expiresMs }) =>
      quietly({
        sql: 'INSERT INTO refresh_tokens VALUES (?, ?, ?, ?, ?, ?)',
        params: [digest, account, generation, tokenId ?? null, service, expiresMs],
      }),
    removeRefreshToken: (digest) =>
      quietly({ sql: 'DELETE FROM refresh_tokens WHERE digest = ?', params: [digest] }),
    addSession: ({ digest, account, generation, expiresMs }) =>
      quietly({
        sql: 'INSERT INTO sessions VALUES (?, ?, ?, ?)',
        params: [digest, account, generation, expiresMs],
      }),
    removeSession: async (digest) => {
      await quietly({ sql: 'DELETE FROM sessions WHERE digest = ?', params: [digest] });
      version += 1;
    },
    addSigningKey: ({ id, jwk, createdMs }, cause) =>
      changing([{ sql: 'INSERT INTO signing_keys VALUES (?, ?, ?)', params: [id, jwk, createdMs] }], {
        reason: `signing key ${id} added`,
        cause,
      }),
    removeSigningKey: (id, cause) =>
      changing([{ sql: 'DELETE FROM signing_keys WHERE id = ?', params: [id] }], {
        reason: `signing key ${id} removed`,
        cause,
      }),
    used: async ({ account, tokenId = null, atMs }) => {
      await database.write(
        [
          { sql: 'UPDATE accounts SET used_ms = ? WHERE name = ?', params: [atMs, account] },
          { sql: 'UPDATE access_tokens SET used_ms = ? WHERE id = ?', params: [atMs, tokenId] },
        ],
        { durable: false },
      );
    },
    dropExpired: async (nowMs) => {
      await database.write([
        { sql: 'DELETE FROM refresh_tokens WHERE expires_ms < ?', params: [nowMs] },
        { sql: 'DELETE FROM sessions WHERE expires_ms < ?', params: [nowMs] },
      ]);
    },
  };
};
