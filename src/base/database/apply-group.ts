import { sqliteFailure, type CarriedFailure } from './failures.ts';
import type { Connection } from './connection.ts';
import type { Durability } from './durability.ts';
import type { TransactionOutcome } from './protocol.ts';
import type { Statement, StatementResult } from './types.ts';

class Rollback extends Error {
  readonly failure: CarriedFailure;
  constructor(failure: CarriedFailure) {
    super('rollback');
    this.failure = failure;
  }
}

const runStatement = (connection: Connection, statement: Statement): StatementResult => {
  const { sql, params = [], expectChanges } = statement;
  let changes: number;
  try {
    changes = Number(connection.prepare(sql).run(...params).changes);
  } catch (error) {
    throw new Rollback(sqliteFailure(error, sql));
  }
  if (expectChanges !== undefined && changes !== expectChanges)
    throw new Rollback({ kind: 'changes', sql, expected: expectChanges, actual: changes });
  return { changes };
};

/** One transaction inside the open group: a savepoint, so that its failure leaves its neighbours alone. */
const applyOne = (connection: Connection, statements: readonly Statement[]): TransactionOutcome => {
  connection.prepare('SAVEPOINT one').run();
  try {
    const results = statements.map((statement) => runStatement(connection, statement));
    connection.prepare('RELEASE one').run();
    return { kind: 'committed', results };
  } catch (error) {
    const failure = error instanceof Rollback ? error.failure : sqliteFailure(error, 'RELEASE');
    connection.prepare('ROLLBACK TO one').run();
    connection.prepare('RELEASE one').run();
    return { kind: 'failed', failure };
  }
};

/** Applies all transactions in order with one commit, and makes it durable where it has to be; when that fails, all have failed. */
export const applyGroup = (
  connection: Connection,
  durability: Durability,
  transactions: readonly (readonly Statement[])[],
): readonly TransactionOutcome[] => {
  try {
    connection.prepare('BEGIN IMMEDIATE').run();
    durability.begun();
    const outcomes = transactions.map((statements) => applyOne(connection, statements));
    connection.prepare('COMMIT').run();
    return outcomes;
  } catch (error) {
    if (connection.sqlite.isTransaction) connection.sqlite.exec('ROLLBACK');
    const failure = sqliteFailure(error, 'COMMIT');
    return transactions.map(() => ({ kind: 'failed', failure }));
  }
};
