import { Worker } from 'node:worker_threads';
import { closeDescriptor, createWakeDescriptor, duplicateDescriptor, wake } from '#sys';
import { workerUrl } from '#work';
import type { FileRegion } from './types.ts';

/** To the thread that sends. */
export type SenderMessage =
  | {
      readonly kind: 'send';
      readonly id: number;
      /** Of the thread's own; it closes it. */
      readonly socket: number;
      readonly region: FileRegion;
    }
  | { readonly kind: 'cancel'; readonly id: number }
  | { readonly kind: 'end' };

/** From the thread, once for each `send`: whether every byte went out. */
export interface SenderAnswer {
  readonly id: number;
  readonly complete: boolean;
}

export interface SenderData {
  readonly wakeDescriptor: number;
}

/** Seconds after which a thread without work ends. */
const IDLE_MS = 30_000;

interface Thread {
  readonly worker: Worker;
  readonly wakeDescriptor: number;
  readonly waiting: Map<number, (complete: boolean) => void>;
  idle: NodeJS.Timeout | undefined;
}

let current: Thread | undefined;
let lastId = 0;

const startThread = (): Thread => {
  const wakeDescriptor = createWakeDescriptor();
  const worker = new Worker(workerUrl(import.meta.url, 'file-sender.worker'), {
    name: 'sender',
    workerData: { wakeDescriptor } satisfies SenderData,
    resourceLimits: { maxYoungGenerationSizeMb: 2 },
    execArgv: [],
  });
  const thread: Thread = { worker, wakeDescriptor, waiting: new Map(), idle: undefined };
  worker.on('message', ({ id, complete }: SenderAnswer) => settle(thread, id, complete));
  worker.on('error', () => undefined);
  worker.once('exit', () => {
    if (current === thread) current = undefined;
    clearTimeout(thread.idle);
    for (const id of thread.waiting.keys()) settle(thread, id, false);
    closeDescriptor(wakeDescriptor);
  });
  return thread;
};

const tell = (thread: Thread, message: SenderMessage): void => {
  thread.worker.postMessage(message, []);
  wake(thread.wakeDescriptor);
};

const settle = (thread: Thread, id: number, complete: boolean): void => {
  thread.waiting.get(id)?.(complete);
  thread.waiting.delete(id);
  if (thread.waiting.size > 0 || current !== thread) return;
  thread.worker.unref();
  thread.idle = setTimeout(() => {
    current = undefined;
    tell(thread, { kind: 'end' });
  }, IDLE_MS);
  thread.idle.unref();
};

/**
 * Sends a region of an open file into a connected socket that does not block, on a thread that all sendings of the
 * process share: it waits for no client, and the bytes never leave the kernel. Nobody else may write to the socket
 * meanwhile. Resolves with whether all of it went out; after an abort or a cut connection not. The region's descriptor
 * must stay open until then.
 */
export const sendThroughKernel = async (
  socket: number,
  region: FileRegion,
  signal: AbortSignal,
): Promise<boolean> => {
  if (signal.aborted) return false;
  current ??= startThread();
  const thread = current;
  clearTimeout(thread.idle);
  thread.worker.ref();
  const id = ++lastId;
  const { promise, resolve } = Promise.withResolvers<boolean>();
  thread.waiting.set(id, resolve);
  const cancel = (): void => tell(thread, { kind: 'cancel', id });
  signal.addEventListener('abort', cancel, { once: true });
  tell(thread, { kind: 'send', id, socket: duplicateDescriptor(socket), region });
  try {
    return await promise;
  } finally {
    signal.removeEventListener('abort', cancel);
  }
};
