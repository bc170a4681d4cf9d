import { parentPort, workerData } from 'node:worker_threads';
import { applyGroup } from './apply-group.ts';
import { openConnection } from './connection.ts';
import { isFull } from './failures.ts';
import type { TransactionOutcome, WriteAnswer, WriteRequest, WriterData } from './protocol.ts';
import { openReserve } from './reserve.ts';

const { path, reserveBytes } = workerData as WriterData;
const connection = openConnection(path, false);
const reserve = reserveBytes === undefined ? undefined : openReserve(path, reserveBytes);

/** How often the reserve is looked after. */
const RESTORE_MS = 2000;
if (reserve !== undefined) setInterval(() => reserve.restore(), RESTORE_MS).unref();

const failedForSpace = (outcome: TransactionOutcome): boolean =>
  outcome.kind === 'failed' && isFull(outcome.failure);

/** Applies a group; what fails for want of space is tried once more with the space of the reserve. */
const apply = (transactions: WriteRequest['transactions']): readonly TransactionOutcome[] => {
  const outcomes = applyGroup(connection, transactions);
  if (!outcomes.some(failedForSpace) || reserve?.release() !== true) return outcomes;
  const again = applyGroup(
    connection,
    transactions.filter((_, index) => outcomes[index] !== undefined && failedForSpace(outcomes[index])),
  ).values();
  return outcomes.map((outcome) => (failedForSpace(outcome) ? (again.next().value ?? outcome) : outcome));
};

parentPort?.on('message', (message: WriteRequest | 'close') => {
  if (message === 'close') {
    connection.close();
    parentPort?.close();
    return;
  }
  parentPort?.postMessage(
    { id: message.id, outcomes: apply(message.transactions) } satisfies WriteAnswer,
    [],
  );
});
