import { parentPort, workerData } from 'node:worker_threads';
import { applyGroup } from './apply-group.ts';
import { openConnection } from './connection.ts';
import { createDurability } from './durability.ts';
import { isFull } from './failures.ts';
import type { TransactionOutcome, WriteAnswer, WriteRequest, WriterData } from './protocol.ts';
import { openReserve } from './reserve.ts';

const { path, reserveBytes } = workerData as WriterData;
const connection = openConnection(path, false);
const durability = createDurability(connection);
const reserve = reserveBytes === undefined ? undefined : openReserve(path, reserveBytes);

/** How often the reserve is looked after. */
const RESTORE_MS = 500;
if (reserve !== undefined) setInterval(() => reserve.restore(), RESTORE_MS).unref();

type Transaction = WriteRequest['transactions'][number];

const removes = (transaction: Transaction | undefined): boolean =>
  transaction?.some(({ sql }) => /^\s*DELETE\b/i.test(sql)) === true;

const changes = (outcomes: readonly TransactionOutcome[]): boolean =>
  outcomes.some((one) => one.kind === 'committed' && one.results.some((result) => result.changes > 0));

/** Applies a group; removals that fail for want of space are tried once more with the space of the reserve. */
const apply = (transactions: readonly Transaction[]): readonly TransactionOutcome[] => {
  const outcomes = applyGroup(connection, durability, transactions);
  const isRetried = (outcome: TransactionOutcome, index: number): boolean =>
    outcome.kind === 'failed' && isFull(outcome.failure) && removes(transactions[index]);
  const retried = outcomes.map(isRetried);
  if (!retried.includes(true) || reserve?.release() !== true) return outcomes;
  const again = applyGroup(
    connection,
    durability,
    transactions.filter((_, index) => retried[index]),
  ).values();
  return outcomes.map((outcome, index) =>
    retried[index] === true ? (again.next().value ?? outcome) : outcome,
  );
};

const write = ({ transactions, durable }: WriteRequest): readonly TransactionOutcome[] => {
  durability.prepare(durable);
  const outcomes = apply(transactions);
  if (outcomes.some(({ kind }) => kind === 'committed')) durability.committed(changes(outcomes));
  return outcomes;
};

parentPort?.on('message', (message: WriteRequest | 'close') => {
  if (message === 'close') {
    connection.close();
    parentPort?.close();
    return;
  }
  parentPort?.postMessage({ id: message.id, outcomes: write(message) } satisfies WriteAnswer, []);
});
