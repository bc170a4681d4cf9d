import { defineErrors } from '#errors';

export const databaseErrors = defineErrors('database', {
  unexpectedChanges: {
    kind: 'conflict',
    message: (p: { sql: string; expected: number; actual: number }) =>
      `the record changed meanwhile: expected ${p.expected} changed rows, found ${p.actual}`,
    hint: 'read the record again and repeat the operation',
  },
  constraintFailed: {
    kind: 'conflict',
    message: (p: { message: string }) => p.message,
    hint: 'the record exists already or is still referenced; look at it and decide again',
  },
  layoutNewer: {
    kind: 'failed-precondition',
    message: (p: { path: string; room: string; found: number; known: number }) =>
      `${p.path} was written by a newer version: tables of "${p.room}" are at ${p.found}, this version knows ${p.known}`,
    hint: 'use the newer version again, or another root directory',
  },
  migrationGap: {
    kind: 'internal',
    message: (p: { room: string; version: number }) =>
      `migrations of "${p.room}" must count from 1 without gaps; ${p.version} is out of place`,
  },
  readOnly: {
    kind: 'failed-precondition',
    message: (p: { path: string }) => `${p.path} was opened for reading only`,
    hint: 'open it without readOnly, after the process that holds it has ended',
  },
  closed: {
    kind: 'failed-precondition',
    message: (p: { path: string }) => `${p.path} is closed`,
    hint: 'open the database again',
  },
  fileDamaged: {
    kind: 'corrupt',
    message: (p: { path: string; message: string }) => `${p.path} cannot be read as a database: ${p.message}`,
    hint: 'restore the file from a backup, or move the root directory away and start with an empty one',
  },
  diskFull: {
    kind: 'unavailable',
    message: (p: { message: string }) => `no space left on device for the database: ${p.message}`,
    hint: 'free space on this file system, or run `lade system prune`, then try again',
  },
  statementFailed: {
    kind: 'internal',
    message: (p: { message: string; sql: string }) => `${p.message} in: ${p.sql}`,
  },
  writerStopped: {
    kind: 'internal',
    message: (p: { message: string }) => `the writer thread of the database ended: ${p.message}`,
    hint: 'restart the program; what was committed is safe',
  },
});
