import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Context, Env } from 'hono';
import { httpErrors } from './errors.ts';

interface NodeBindings {
  readonly incoming: IncomingMessage;
  readonly outgoing: ServerResponse;
}

const bindings = <E extends Env>(c: Context<E>): NodeBindings => c.env as unknown as NodeBindings;

/** The raw request stream. */
export const incoming = <E extends Env>(c: Context<E>): IncomingMessage => bindings(c).incoming;

/** The raw answer; a handler that writes to it returns `answered()`. */
export const outgoing = <E extends Env>(c: Context<E>): ServerResponse => bindings(c).outgoing;

let alreadySent: Response | undefined;

/** To be called before Hono's listener is loaded, which puts another Response in the place of Node's. */
export const loadAnswered = async (): Promise<void> => {
  ({ RESPONSE_ALREADY_SENT: alreadySent } = await import('@hono/node-server/utils/response'));
};

/** What a handler returns when it answers through `outgoing(c)` or `hijack(c)`, now or later. */
export const answered = (): Response => {
  if (alreadySent === undefined) throw new Error('there is no server yet');
  return alreadySent;
};

const signals = new WeakMap<IncomingMessage, AbortSignal>();

/** Aborts when the client goes away before the answer is complete. One for each request. */
export const requestSignal = <E extends Env>(c: Context<E>): AbortSignal => {
  const { incoming: request, outgoing: response } = bindings(c);
  const known = signals.get(request);
  if (known !== undefined) return known;
  const controller = new AbortController();
  const onClose = (): void => {
    if (!response.writableFinished) controller.abort(new DOMException('the client went away', 'AbortError'));
  };
  if (response.destroyed) onClose();
  else response.once('close', onClose);
  signals.set(request, controller.signal);
  return controller.signal;
};

/** Reads a whole body of at most `maxBytes`; larger ones fail with HTTP_BODY_TOO_LARGE. */
export const readIncoming = async (request: IncomingMessage, maxBytes: number): Promise<Buffer> => {
  if (Number(request.headers['content-length'] ?? 0) > maxBytes) {
    throw httpErrors.bodyTooLarge({ limit: maxBytes });
  }
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxBytes) throw httpErrors.bodyTooLarge({ limit: maxBytes });
    chunks.push(chunk);
  }
  return chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks);
};

/** `readIncoming` of the request being handled. */
export const readBody = <E extends Env>(c: Context<E>, maxBytes: number): Promise<Buffer> =>
  readIncoming(incoming(c), maxBytes);

/**
 * Answers with a stream, without web streams in between. Resolves when the last byte is handed to the kernel; a
 * source that fails cuts the connection, so that the client sees a broken answer and not a short one.
 */
export const sendStream = async <E extends Env>(
  c: Context<E>,
  head: { readonly status: number; readonly headers: Readonly<Record<string, string | number>> },
  source: Readable,
): Promise<Response> => {
  const response = outgoing(c);
  response.writeHead(head.status, { ...head.headers });
  try {
    await pipeline(source, response);
  } catch {
    response.destroy();
  }
  return answered();
};
