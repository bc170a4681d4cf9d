import { readlinkSync } from 'node:fs';
import { setPriority } from 'node:os';
import { basename } from 'node:path';
import { parentPort, receiveMessageOnPort, workerData, type MessagePort } from 'node:worker_threads';
import { workErrors } from './errors.ts';
import { CANCEL_CELL, END_CELL, packError, type PoolMessage, type ThreadMessage } from './job-messages.ts';
import type { JobContext } from './types.ts';

/** Answers one request; a thrown error reaches the caller of `run`. */
export type JobHandler<Req, Res> = (request: Req, context: JobContext) => Promise<Res> | Res;

interface Thread<Req, Res> {
  readonly port: MessagePort;
  readonly handler: JobHandler<Req, Res>;
  readonly cells: Int32Array;
  readonly running: Map<number, AbortController>;
  /** What a handler took from the port on its way. */
  readonly waiting: Exclude<PoolMessage<Req>, { readonly kind: 'cancel' }>[];
}

/** Cancels a job, also one that has not begun. */
const cancel = <Req, Res>(thread: Thread<Req, Res>, id: number): void => {
  const at = thread.waiting.findIndex((message) => message.kind === 'run' && message.id === id);
  if (at === -1) {
    thread.running.get(id)?.abort();
    return;
  }
  thread.waiting.splice(at, 1);
  const error = packError(workErrors.cancelled({ name: 'waiting for a thread' }));
  thread.port.postMessage({ kind: 'failed', id, error } satisfies ThreadMessage<Res>, []);
};

/** Takes what already arrived: a handler that loops never lets the event loop deliver it. */
const drain = <Req, Res>(thread: Thread<Req, Res>): void => {
  for (
    let got = receiveMessageOnPort(thread.port);
    got !== undefined;
    got = receiveMessageOnPort(thread.port)
  ) {
    const message = got.message as PoolMessage<Req>;
    if (message.kind === 'cancel') cancel(thread, message.id);
    else thread.waiting.push(message);
  }
  // Nothing else may ever arrive that would let them begin.
  if (thread.waiting.length > 0) setImmediate(() => acceptWaiting(thread));
};

const isEnding = <Req, Res>(thread: Thread<Req, Res>): boolean => Atomics.load(thread.cells, END_CELL) !== 0;

const contextOf = <Req, Res>(thread: Thread<Req, Res>, controller: AbortController): JobContext => {
  let seen = 0;
  return {
    signal: controller.signal,
    cancelled() {
      const count = Atomics.load(thread.cells, CANCEL_CELL);
      if (count !== seen) drain(thread);
      seen = count;
      return controller.signal.aborted || isEnding(thread);
    },
  };
};

const execute = async <Req, Res>(thread: Thread<Req, Res>, id: number, request: Req): Promise<void> => {
  const controller = new AbortController();
  thread.running.set(id, controller);
  try {
    const result = await thread.handler(request, contextOf(thread, controller));
    thread.port.postMessage({ kind: 'done', id, result } satisfies ThreadMessage<Res>, []);
  } catch (error) {
    thread.port.postMessage({ kind: 'failed', id, error: packError(error) } satisfies ThreadMessage<Res>, []);
  } finally {
    thread.running.delete(id);
  }
};

const accept = <Req, Res>(thread: Thread<Req, Res>, message: PoolMessage<Req>): void => {
  if (message.kind === 'end') process.exit(0);
  if (message.kind === 'cancel') cancel(thread, message.id);
  else if (!isEnding(thread)) void execute(thread, message.id, message.request);
};

/** One after the other: a job that begins may take or cancel those behind it. */
const acceptWaiting = <Req, Res>(thread: Thread<Req, Res>): void => {
  for (let next = thread.waiting.shift(); next !== undefined; next = thread.waiting.shift()) {
    accept(thread, next);
  }
};

/** How much a pool's threads give way to the main thread, which answers requests; from 0 to 19. */
const NICE = 5;

/** On Linux a priority is a thread's own. */
const giveWay = (): void => {
  try {
    setPriority(Number(basename(readlinkSync('/proc/thread-self'))), NICE);
  } catch {
    // Where there is no such file, all threads stay equal.
  }
};

/**
 * The whole body of a worker file: answers the requests of the pool that started this thread. `urgent` work, which mostly
 * waits and for which requests wait, gives way to nothing.
 */
export const serveJobs = <Req, Res>(
  handler: JobHandler<Req, Res>,
  { urgent = false }: { readonly urgent?: boolean } = {},
): void => {
  const port = parentPort;
  if (port === null) return;
  if (!urgent) giveWay();
  const cells = new Int32Array((workerData as { shared: SharedArrayBuffer }).shared);
  const thread: Thread<Req, Res> = { port, handler, cells, running: new Map(), waiting: [] };
  port.on('message', (message: PoolMessage<Req>) => {
    acceptWaiting(thread);
    accept(thread, message);
  });
};
