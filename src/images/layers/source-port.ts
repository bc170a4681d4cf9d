import type { Readable } from 'node:stream';
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { layerErrors } from './errors.ts';
import type { GrowingFile } from './types.ts';

/** A worker asks over a port, one answer for each question. */
interface Question {
  readonly beyond: number;
}

type Answer =
  | { readonly kind: 'available'; readonly bytes: number }
  | { readonly kind: 'chunk'; readonly bytes: Uint8Array<ArrayBuffer> }
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
export const serveStream = (stream: Readable): SourcePort => {
  const chunks = stream[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
  return serve(async () => {
    const next = await chunks.next();
    return next.done === true ? { kind: 'end' } : { kind: 'chunk', bytes: new Uint8Array(next.value) };
  });
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
