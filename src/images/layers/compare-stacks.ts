import { once } from 'node:events';
import { MessageChannel } from 'node:worker_threads';
import type { DiffId } from '#oci';
import { createWorkerPool, workerUrl } from '#work';
import type { CompareJob } from './compare-job.ts';
import type { CompareRequest, StackDifference } from './compare-types.ts';

const jobOf = (
  { before, after, paths = [], times = false }: CompareRequest,
  tarPath: (diffId: DiffId) => string,
): Omit<CompareJob, 'port'> => {
  const layers = [...new Set([...before, ...after])];
  const positions = new Map(layers.map((diffId, index) => [diffId, index]));
  const numbers = (stack: readonly DiffId[]): readonly number[] =>
    stack.map((diffId) => positions.get(diffId) ?? 0);
  return {
    tarPaths: layers.map(tarPath),
    before: numbers(before),
    after: numbers(after),
    paths,
    times,
  };
};

/**
 * What two stacks of layers do not have alike, in batches, a directory before what lies in it, names sorted by bytes.
 * Reads the tars in a thread of its own, no more of them than somebody takes; nothing is mounted. Content is compared
 * byte by byte where size is the same and the place is not.
 */
export async function* compareStacks(
  request: CompareRequest,
  tarPath: (diffId: DiffId) => string,
): AsyncGenerator<readonly StackDifference[], void, undefined> {
  const job = jobOf(request, tarPath);
  const url = workerUrl(import.meta.url, 'compare.worker');
  await using pool = createWorkerPool<CompareJob, undefined>({ url, size: 1, name: 'layers-compare' });
  const { port1, port2 } = new MessageChannel();
  const running = pool.run({ ...job, port: port2 }, { signal: request.signal, transfer: [port2] });
  const failed = new Promise<never>((_resolve, reject) => void running.catch(reject));
  try {
    for (;;) {
      const message = once(port1, 'message') as Promise<[readonly StackDifference[]]>;
      const [batch] = await Promise.race([message, failed]);
      if (batch.length === 0) return;
      yield batch;
      port1.postMessage('more');
    }
  } finally {
    port1.close();
    await running.catch(() => undefined);
  }
}
