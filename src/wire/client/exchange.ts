import { once } from 'node:events';
import type { Socket } from 'node:net';
import { toLadeError } from '#errors';
import type { Connector } from './connect.ts';
import { readHead, type MessageHead } from './message-head.ts';
import type { ClientRequest, QueryValue } from './types.ts';

const toPairs = ([key, value]: readonly [string, QueryValue]): readonly (readonly [string, string])[] => {
  if (value === undefined || value === false) return [];
  if (Array.isArray(value)) return value.map((item: string) => [key, item] as const);
  return [[key, value === true ? '1' : String(value)]];
};

/** The request target with its query. */
export const targetOf = (request: ClientRequest): string => {
  const pairs = Object.entries(request.query ?? {}).flatMap(toPairs);
  if (pairs.length === 0) return request.path;
  return `${request.path}?${pairs.map((pair) => pair.map(encodeURIComponent).join('=')).join('&')}`;
};

/** A value that cannot end its header early. */
const clean = (value: string): string => value.replaceAll(/[\r\n]/g, ' ');

const headText = (request: ClientRequest, more: Readonly<Record<string, string>>): string => {
  const headers = { Host: 'lade', 'User-Agent': 'Lade-Client/1', ...more, ...request.headers };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${clean(value)}\r\n`);
  return `${request.method} ${targetOf(request)} HTTP/1.1\r\n${lines.join('')}\r\n`;
};

const writeAll = async (socket: Socket, bytes: string | Uint8Array): Promise<void> => {
  if (socket.write(bytes) || socket.destroyed) return;
  const listening = new AbortController();
  // A connection that closes takes nothing more, and says so to whoever reads the answer.
  const waits = ['drain', 'close'].map((event) => once(socket, event, listening).catch(() => undefined));
  await Promise.race(waits);
  listening.abort();
};

/** Sends a stream in chunks; what the stream fails with ends the connection with that error. */
const pump = async (socket: Socket, source: AsyncIterable<Uint8Array>): Promise<void> => {
  try {
    for await (const chunk of source) {
      if (socket.destroyed) return;
      if (chunk.length === 0) continue;
      socket.write(`${chunk.length.toString(16)}\r\n`);
      socket.write(chunk);
      await writeAll(socket, '\r\n');
    }
    socket.write('0\r\n\r\n');
  } catch (error) {
    if (!socket.destroyed) socket.destroy(error instanceof Error ? error : new Error(String(error)));
  }
};

const send = (socket: Socket, request: ClientRequest, connection: Readonly<Record<string, string>>): void => {
  if (request.stream !== undefined) {
    const type = request.contentType ?? 'application/octet-stream';
    // Not `close`: a daemon that answers before it has everything would cut what is still being written, and the
    // failed write would hide its answer. Whoever has read the answer ends the connection.
    const { Connection: wanted, ...others } = connection;
    const kept = wanted === 'close' ? others : connection;
    socket.write(headText(request, { ...kept, 'Transfer-Encoding': 'chunked', 'Content-Type': type }));
    void pump(socket, request.stream as AsyncIterable<Uint8Array>);
    return;
  }
  const json = request.body === undefined ? undefined : Buffer.from(JSON.stringify(request.body));
  const length = { 'Content-Length': String(json?.length ?? 0) };
  const about = json === undefined ? {} : { 'Content-Type': 'application/json' };
  const body = request.method === 'GET' || request.method === 'HEAD' ? {} : length;
  const head = headText(request, { ...connection, ...body, ...about });
  // In one write: who answers on the head alone may have closed the connection before a second.
  socket.write(json === undefined ? head : Buffer.concat([Buffer.from(head), json]));
};

export interface Exchange {
  readonly head: MessageHead;
  /** Paused; holds what follows the head. */
  readonly socket: Socket;
}

/**
 * Sends one request on its own connection and reads the head of the answer.
 *
 * An abort destroys the connection.
 */
export const exchange = async (
  connect: Connector,
  request: ClientRequest,
  connection: Readonly<Record<string, string>> = { Connection: 'close' },
): Promise<Exchange> => {
  request.signal?.throwIfAborted();
  const socket = await connect();
  const abort = (): void => {
    socket.destroy(toLadeError(Object.assign(new Error('the request was given up'), { name: 'AbortError' })));
  };
  request.signal?.addEventListener('abort', abort, { once: true });
  socket.once('close', () => request.signal?.removeEventListener('abort', abort));
  socket.on('error', () => undefined);
  send(socket, request, connection);
  try {
    return { head: await readHead(socket), socket };
  } catch (error) {
    socket.destroy();
    throw error;
  }
};
