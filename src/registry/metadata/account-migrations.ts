import type { Migration } from '#database';

/** Tables of accounts and what they may do. Lists are JSON; secrets are kept as hashes only, but for signing keys. */
export const accountMigrations: readonly Migration[] = [
  {
    room: 'registry-accounts',
    version: 1,
    sql: `
      CREATE TABLE accounts (
        name TEXT NOT NULL PRIMARY KEY,
        kind TEXT NOT NULL CHECK (kind IN ('user', 'robot')),
        secret_hash TEXT,
        administrator INTEGER NOT NULL,
        disabled INTEGER NOT NULL,
        description TEXT NOT NULL,
        origin TEXT UNIQUE,
        groups TEXT NOT NULL,
        permissions TEXT NOT NULL,
        created_ms INTEGER NOT NULL,
        expires_ms INTEGER,
        used_ms INTEGER,
        generation INTEGER NOT NULL
      ) STRICT, WITHOUT ROWID;
      CREATE TABLE access_tokens (
        id TEXT NOT NULL PRIMARY KEY,
        owner TEXT NOT NULL REFERENCES accounts (name) ON DELETE CASCADE,
        name TEXT NOT NULL,
        digest TEXT NOT NULL UNIQUE,
        permissions TEXT,
        created_ms INTEGER NOT NULL,
        expires_ms INTEGER,
        used_ms INTEGER,
        UNIQUE (owner, name)
      ) STRICT, WITHOUT ROWID;
      CREATE TABLE grants (
        subject_kind TEXT NOT NULL CHECK (subject_kind IN ('user', 'robot', 'group')),
        subject TEXT NOT NULL,
        pattern TEXT NOT NULL,
        role TEXT NOT NULL,
        created_ms INTEGER NOT NULL,
        PRIMARY KEY (subject_kind, subject, pattern)
      ) STRICT, WITHOUT ROWID;
      CREATE TABLE refresh_tokens (
        digest TEXT NOT NULL PRIMARY KEY,
        account TEXT NOT NULL REFERENCES accounts (name) ON DELETE CASCADE,
        generation INTEGER NOT NULL,
        token_id TEXT REFERENCES access_tokens (id) ON DELETE CASCADE,
        service TEXT NOT NULL,
        expires_ms INTEGER NOT NULL
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX refresh_tokens_account ON refresh_tokens (account);
      CREATE INDEX refresh_tokens_token ON refresh_tokens (token_id) WHERE token_id IS NOT NULL;
      CREATE TABLE sessions (
        digest TEXT NOT NULL PRIMARY KEY,
        account TEXT NOT NULL REFERENCES accounts (name) ON DELETE CASCADE,
        generation INTEGER NOT NULL,
        expires_ms INTEGER NOT NULL
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX sessions_account ON sessions (account);
      CREATE TABLE signing_keys (
        id TEXT NOT NULL PRIMARY KEY,
        jwk TEXT NOT NULL,
        created_ms INTEGER NOT NULL
      ) STRICT, WITHOUT ROWID;
    `,
  },
];
