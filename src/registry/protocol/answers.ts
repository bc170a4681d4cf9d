import type { IncomingMessage, ServerResponse } from 'node:http';
import { translateError } from './codes.ts';
import { factsOf } from './request-facts.ts';

/** A request and its answer. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

export type HeaderMap = Readonly<Record<string, string | number | readonly string[]>>;

export interface Answer {
  readonly status: number;
  readonly headers?: HeaderMap | undefined;
  /** Sent with its length; for HEAD requests only its length is sent. */
  readonly body?: string | Buffer | undefined;
}

/** Sends status and headers; the body is up to the caller. */
export const sendHead = ({ response }: Exchange, head: Answer, length?: number): void => {
  const headers: Record<string, string | number | string[]> = {
    'Docker-Distribution-Api-Version': 'registry/2.0',
  };
  for (const [name, value] of Object.entries(head.headers ?? {})) {
    headers[name] = typeof value === 'string' || typeof value === 'number' ? value : [...value];
  }
  if (length !== undefined) headers['Content-Length'] ??= length;
  response.writeHead(head.status, headers);
};

/** Sends a complete answer. */
export const answer = (call: Exchange, head: Answer): void => {
  const { request, response } = call;
  const { body } = head;
  const bodiless = head.status === 204 || head.status === 304;
  sendHead(call, head, bodiless ? undefined : Buffer.byteLength(body ?? ''));
  if (body === undefined || request.method === 'HEAD') response.end();
  else response.end(body);
};

/** Sends JSON. */
export const answerJson = (call: Exchange, value: unknown, head: Partial<Answer> = {}): void =>
  answer(call, {
    status: head.status ?? 200,
    headers: { 'Content-Type': 'application/json', ...head.headers },
    body: JSON.stringify(value),
  });

/** Sends the protocol's error body; internals stay inside. */
export const answerError = (call: Exchange, thrown: unknown, headers: HeaderMap = {}): void => {
  const { status, code, error } = translateError(thrown);
  if (call.response.headersSent) {
    call.response.destroy();
    return;
  }
  const message = status === 500 ? 'the registry failed; its log says why' : error.message;
  const requestId = factsOf(call.request).id;
  const detail =
    status === 500
      ? { requestId }
      : { ...error.details, ...(error.hint === undefined ? {} : { hint: error.hint }), requestId };
  answerJson(call, { errors: [{ code, message, detail }] }, { status, headers });
};
