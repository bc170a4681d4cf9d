import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { layerErrors } from './errors.ts';
import { HALF, giveSlots, takeSlots } from './slots.ts';
import type { GrowingFile } from './types.ts';

/** A worker asks over a port, one answer for each question. */
interface Question {
  readonly beyond: number;
}

type Answer =
  | { readonly kind: 'available'; readonly bytes: number }
  | { readonly kind: 'chunk'; readonly bytes: Uint8Array<ArrayBuffer> }
  /** So many bytes are in one of the two halves of the shared memory. */
  | { readonly kind: 'filled'; readonly half: number; readonly length: number }
  | { readonly kind: 'end' }
  | { readonly kind: 'failed'; readonly message: string };

/** The side that answers; disposing of it makes the asking side fail. */
export interface SourcePort extends Disposable {
  /** To be transferred to the worker. */
  readonly port: MessagePort;
  /** Why the source failed, as it was thrown: errors lose their class on the way to the worker. */
  readonly failure: { readonly reason: unknown } | undefined;
}

const serve = (answer: (question: Question) => Promise<Answer>): SourcePort => {
  const { port1, port2 } = new MessageChannel();
  let failure: SourcePort['failure'];
  const reply = async (question: Question): Promise<void> => {
    const given = await answer(question).catch((reason: unknown): Answer => {
      failure ??= { reason };
      return { kind: 'failed', message: String(reason) };
    });
    port1.postMessage(given, given.kind === 'chunk' ? [given.bytes.buffer] : []);
  };
  port1.on('message', (question: Question) => void reply(question));
  return {
    port: port2,
    get failure() {
      return failure;
    },
    [Symbol.dispose]: () => port1.close(),
  };
};

/** Lets a worker wait for a file to grow. */
export const serveGrowth = (growing: GrowingFile): SourcePort =>
  serve(async ({ beyond }) => {
    const bytes = await growing.available(beyond);
    return bytes === 'end' ? { kind: 'end' } : { kind: 'available', bytes };
  });

/** Lets a worker take a stream chunk by chunk; each is copied once and then moved. */
export const serveStream = (stream: AsyncIterable<Uint8Array>): SourcePort => {
  const chunks = stream[Symbol.asyncIterator]();
  return serve(async () => {
    const next = await chunks.next();
    return next.done === true ? { kind: 'end' } : { kind: 'chunk', bytes: new Uint8Array(next.value) };
  });
};

/** Copies chunks into a half until it is full or there are no more. */
const createFill = (stream: AsyncIterable<Uint8Array>, slots: SharedArrayBuffer) => {
  const chunks = stream[Symbol.asyncIterator]();
  /** What did not fit into the half before; undefined at the end. */
  let rest: Uint8Array | undefined = new Uint8Array(0);
  const more = async (): Promise<Uint8Array | undefined> => {
    const next = await chunks.next();
    return next.done === true ? undefined : next.value;
  };
  return async (half: number): Promise<number> => {
    const target = new Uint8Array(slots, half * HALF, HALF);
    let filled = 0;
    while (filled < HALF && rest !== undefined) {
      const piece = rest.subarray(0, HALF - filled);
      target.set(piece, filled);
      filled += piece.length;
      rest = piece.length < rest.length ? rest.subarray(piece.length) : await more();
    }
    return filled;
  };
};

/** A stream served through shared memory. */
export interface SharedSourcePort extends SourcePort {
  readonly slots: SharedArrayBuffer;
}

/**
 * Lets a worker take a stream through shared memory, so that nothing is allocated for it: one half is filled while the
 * worker uses the other, which it does until it asks again.
 */
export const serveShared = (stream: AsyncIterable<Uint8Array>): SharedSourcePort => {
  const slots = takeSlots();
  const fill = createFill(stream, slots);
  let half = 0;
  let ended = false;
  let filling: Promise<number> | undefined;
  const port = serve(async () => {
    const length = await (filling ?? fill(half));
    ended = length === 0;
    if (ended) return { kind: 'end' };
    const answer: Answer = { kind: 'filled', half, length };
    half = 1 - half;
    filling = fill(half);
    filling.catch(() => undefined);
    return answer;
  });
  return {
    port: port.port,
    slots,
    get failure() {
      return port.failure;
    },
    [Symbol.dispose]() {
      port[Symbol.dispose]();
      // Where it was given up, a half may still be filled or read.
      if (ended) giveSlots(slots);
    },
  };
};

/** Asks in the worker; a `cancelled` error when the other side is gone. */
export const ask = (port: MessagePort, beyond: number): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const gone = (): void => reject(layerErrors.cancelled({}));
    port.once('close', gone);
    port.once('message', (answer: Answer) => {
      port.off('close', gone);
      resolve(answer);
    });
    port.postMessage({ beyond } satisfies Question);
  });
