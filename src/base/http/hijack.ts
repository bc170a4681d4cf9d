import { once } from 'node:events';
import { IncomingMessage, ServerResponse } from 'node:http';
import { Duplex } from 'node:stream';
import type { Context, Env } from 'hono';
import { incoming, outgoing } from './exchange.ts';
import { httpErrors } from './errors.ts';

const RAW_STREAM = 'application/vnd.docker.raw-stream';
const MAX_UPGRADE_BODY = 1024 * 1024;

/** Connections that an upgrade request offered and no handler has taken yet. */
const offered = new WeakMap<IncomingMessage, Duplex>();

export interface HijackOptions {
  /** Content-Type of the answer; Docker's raw stream when absent. */
  readonly contentType?: string | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

const headText = (status: string, headers: Readonly<Record<string, string>>): string =>
  [`HTTP/1.1 ${status}`, ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`), '', ''].join(
    '\r\n',
  );

const requestHasBody = (request: IncomingMessage): boolean =>
  request.headers['transfer-encoding'] !== undefined || Number(request.headers['content-length'] ?? 0) > 0;

/** Input is the request's body (or silence until the client leaves), output the answer's body, unframed. */
const bodyDuplex = (request: IncomingMessage, response: ServerResponse): Duplex => {
  const duplex = new Duplex({
    read: () => void request.resume(),
    write: (chunk: Buffer, _encoding, done) => void response.write(chunk, done),
    final: (done) => void response.end(done),
    destroy: (error, done) => {
      response.destroy();
      done(error);
    },
  });
  if (requestHasBody(request)) {
    request.on('data', (chunk: Buffer) => void (duplex.push(chunk) || request.pause()));
    request.on('end', () => duplex.push(null));
  }
  response.on('close', () => {
    if (!duplex.readableEnded) duplex.push(null);
    if (!response.writableFinished) duplex.destroy();
  });
  return duplex;
};

/**
 * Takes the connection over: `101 UPGRADED` when the client asked for an upgrade, else `200` with an unframed
 * body. The returned stream carries raw bytes both ways; its owner ends or destroys it. The handler returns
 * `answered()`.
 *
 * @throws HTTP_NOT_UPGRADABLE when an answer was already begun.
 */
export const hijack = <E extends Env>(c: Context<E>, options: HijackOptions = {}): Duplex => {
  const request = incoming(c);
  const response = outgoing(c);
  if (response.headersSent) throw httpErrors.notUpgradable({ url: request.url ?? '' });
  const headers = { 'Content-Type': options.contentType ?? RAW_STREAM, ...options.headers };
  const socket = offered.get(request);
  if (socket === undefined) {
    response.shouldKeepAlive = false;
    response.useChunkedEncodingByDefault = false;
    response.writeHead(200, headers);
    response.flushHeaders();
    return bodyDuplex(request, response);
  }
  offered.delete(request);
  response.detachSocket(request.socket);
  socket.once('close', () => response.emit('close'));
  socket.write(
    headText('101 UPGRADED', {
      ...headers,
      Connection: 'Upgrade',
      Upgrade: request.headers.upgrade ?? 'tcp',
    }),
  );
  return socket;
};

/** Whether the offered connection of `request` was taken by a handler. */
export const wasHijacked = (request: IncomingMessage): boolean => !offered.has(request);

const CUT = 'the request body is cut';

/** Reads `size` bytes and leaves the rest in the stream. */
const readExactly = async (socket: Duplex, size: number): Promise<Buffer> => {
  const listening = new AbortController();
  const ended = Promise.race([once(socket, 'end', listening), once(socket, 'close', listening)]).then(() =>
    Promise.reject(new Error(CUT)),
  );
  ended.catch(() => undefined);
  try {
    for (;;) {
      const body = socket.read(size) as Buffer | null;
      if (body?.length === size) return body;
      if (body !== null || socket.readableEnded || socket.destroyed) throw new Error(CUT);
      await Promise.race([once(socket, 'readable', listening), ended]);
    }
  } finally {
    listening.abort();
  }
};

/**
 * Makes an ordinary exchange out of an `upgrade` event, so that routes and middleware run as for any request. Node
 * leaves a body (`POST /exec/ID/start`) in front of the raw bytes: it is moved into the request.
 */
export const offerUpgrade = async (
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
): Promise<{ readonly request: IncomingMessage; readonly response: ServerResponse }> => {
  if (head.length > 0) socket.unshift(head);
  const size = Number(request.headers['content-length'] ?? 0);
  if (request.headers['transfer-encoding'] !== undefined || !(size >= 0 && size <= MAX_UPGRADE_BODY)) {
    throw httpErrors.bodyTooLarge({ limit: MAX_UPGRADE_BODY });
  }
  const body = size > 0 ? await readExactly(socket, size) : undefined;
  const copy = new IncomingMessage(request.socket);
  copy.method = request.method;
  copy.url = request.url;
  copy.httpVersion = request.httpVersion;
  copy.httpVersionMajor = request.httpVersionMajor;
  copy.httpVersionMinor = request.httpVersionMinor;
  copy.rawHeaders = request.rawHeaders;
  copy.headers = request.headers;
  copy.complete = true;
  if (body !== undefined) copy.push(body);
  copy.push(null);
  const response = new ServerResponse(copy);
  response.shouldKeepAlive = false;
  response.assignSocket(request.socket);
  offered.set(copy, socket);
  return { request: copy, response };
};
