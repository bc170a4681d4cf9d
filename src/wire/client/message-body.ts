import type { Socket } from 'node:net';
import { clientErrors } from './errors.ts';
import type { MessageHead } from './message-head.ts';

/** Whatever may make it worth looking at a socket again. */
const EVENTS = ['readable', 'end', 'error', 'close'] as const;

/**
 * What comes through the socket until the other side ends it. As `for await` of the socket itself, which costs a short
 * command a millisecond or two: it brings the heaviest parts of Node's streams.
 *
 * @throws what the socket was destroyed with; CLIENT_ANSWER_CUT_SHORT when it closed without an end
 */
async function* chunksOf(socket: Socket): AsyncGenerator<Buffer> {
  let wake = (): void => undefined;
  const notify = (): void => wake();
  for (const event of EVENTS) socket.on(event, notify);
  try {
    for (;;) {
      const woken = new Promise<void>((resolve) => (wake = resolve));
      const chunk = socket.destroyed ? null : (socket.read() as Buffer | null);
      if (chunk !== null) yield chunk;
      else if (socket.errored !== null) throw socket.errored;
      else if (socket.readableEnded) return;
      else if (socket.closed) throw clientErrors.answerCutShort({});
      else await woken;
    }
  } finally {
    for (const event of EVENTS) socket.off(event, notify);
  }
}

/** Bytes of a chunked body (RFC 9112 §7.1); ends at the last chunk, trailers are dropped. */
async function* decodeChunked(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let held: Buffer = Buffer.alloc(0);
  let left = 0;
  let state: 'size' | 'data' | 'newline' = 'size';
  for await (const chunk of source) {
    held = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
    while (held.length > 0) {
      if (state === 'data') {
        const part = held.subarray(0, left);
        held = held.subarray(part.length);
        left -= part.length;
        if (left === 0) state = 'newline';
        yield part;
        continue;
      }
      const end = held.indexOf('\r\n');
      if (end === -1) break;
      const line = held.subarray(0, end).toString('latin1');
      held = held.subarray(end + 2);
      if (state === 'newline') {
        state = 'size';
        continue;
      }
      left = Number.parseInt(line, 16);
      if (!Number.isSafeInteger(left) || left < 0)
        throw clientErrors.answerInvalid({ problem: `chunk size ${JSON.stringify(line.slice(0, 20))}` });
      if (left === 0) return;
      state = 'data';
    }
  }
  throw clientErrors.answerCutShort({});
}

async function* takeLength(source: AsyncIterable<Buffer>, length: number): AsyncGenerator<Buffer> {
  let left = length;
  if (left === 0) return;
  for await (const chunk of source) {
    const part = chunk.length > left ? chunk.subarray(0, left) : chunk;
    left -= part.length;
    yield part;
    if (left === 0) return;
  }
  throw clientErrors.answerCutShort({});
}

/** The body that follows `head`; the socket is destroyed when it ends or its reader stops. */
export async function* readBody(
  socket: Socket,
  head: MessageHead,
  options: { readonly empty: boolean },
): AsyncGenerator<Buffer> {
  try {
    yield* framedBody(socket, head, options);
  } finally {
    socket.destroy();
  }
}

const framedBody = (
  socket: Socket,
  head: MessageHead,
  options: { readonly empty: boolean },
): AsyncIterable<Buffer> => {
  const source = chunksOf(socket);
  if (options.empty || head.status === 204 || head.status === 304) return takeLength(source, 0);
  if (/\bchunked\b/i.test(head.headers['transfer-encoding'] ?? '')) return decodeChunked(source);
  const length = head.headers['content-length'];
  return length === undefined ? source : takeLength(source, Number(length));
};
