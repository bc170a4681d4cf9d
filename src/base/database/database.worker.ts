import { parentPort, workerData } from 'node:worker_threads';
import { applyGroup } from './apply-group.ts';
import { openConnection } from './connection.ts';
import type { WriteAnswer, WriteRequest } from './protocol.ts';

const connection = openConnection((workerData as { path: string }).path, false);

parentPort?.on('message', (message: WriteRequest | 'close') => {
  if (message === 'close') {
    connection.close();
    parentPort?.close();
    return;
  }
  const outcomes = applyGroup(connection, message.transactions);
  parentPort?.postMessage({ id: message.id, outcomes } satisfies WriteAnswer, []);
});
