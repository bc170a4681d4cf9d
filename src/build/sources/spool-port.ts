import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { sourcesErrors } from './errors.ts';

type Answer =
  | { readonly kind: 'chunk'; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly kind: 'end' }
  /** The side that answers knows why. */
  | { readonly kind: 'failed' };

/** Chunks under way while the thread works on one. */
const AHEAD = 8;

/** A stream that a thread takes chunk by chunk; disposing of it lets go of the thread, and leaves the stream open. */
export interface StreamPort extends Disposable {
  /** To be transferred to the thread. */
  readonly port: MessagePort;
  /** Why the stream failed, as it was thrown. */
  readonly failure: { readonly reason: unknown } | undefined;
}

/** Answers each message of the thread with the next chunk, which is copied once and then moved. */
export const serveStream = (stream: AsyncIterable<Uint8Array>): StreamPort => {
  const { port1, port2 } = new MessageChannel();
  const chunks = stream[Symbol.asyncIterator]();
  let failure: StreamPort['failure'];
  let last = Promise.resolve();
  const next = async (): Promise<Answer> => {
    try {
      const { done, value } = await chunks.next();
      return done === true ? { kind: 'end' } : { kind: 'chunk', bytes: new Uint8Array(value) };
    } catch (reason) {
      failure ??= { reason };
      return { kind: 'failed' };
    }
  };
  const reply = async (): Promise<void> => {
    const answer = await next();
    port1.postMessage(answer, answer.kind === 'chunk' ? [answer.bytes.buffer] : []);
  };
  port1.on('message', () => {
    last = last.then(reply);
  });
  return {
    port: port2,
    get failure() {
      return failure;
    },
    [Symbol.dispose]: () => port1.close(),
  };
};

/** In the thread: the chunks; a `cancelled` error where the other side let go. */
export async function* takeStream(port: MessagePort): AsyncGenerator<Buffer, void, undefined> {
  const answers: Answer[] = [];
  let closed = false;
  let wake = (): void => undefined;
  port.on('message', (answer: Answer) => {
    answers.push(answer);
    wake();
  });
  port.on('close', () => {
    closed = true;
    wake();
  });
  const news = (): Promise<void> => new Promise((resolve) => (wake = resolve));
  for (let count = 0; count < AHEAD; count += 1) port.postMessage(undefined);
  try {
    for (;;) {
      const answer = answers.shift();
      if (closed || answer?.kind === 'failed') throw sourcesErrors.spoolCancelled({});
      if (answer?.kind === 'end') return;
      if (answer === undefined) await news();
      else {
        port.postMessage(undefined);
        yield Buffer.from(answer.bytes.buffer);
      }
    }
  } finally {
    port.close();
  }
}
