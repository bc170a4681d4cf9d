import {
  Agent,
  request as httpRequest,
  type ClientRequest,
  type IncomingMessage,
  type RequestOptions,
} from 'node:http';
import { Agent as TlsAgent, request as tlsRequest } from 'node:https';
import { Readable, type Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { SecureContext } from 'node:tls';
import { targetOf } from './outbound-guard.ts';
import type {
  HeaderValues,
  HttpClientOptions,
  HttpResponse,
  RequestBody,
  UpgradeRequest,
  UpgradeResult,
} from './types.ts';

/** A request whose address is settled. */
export interface SettledRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers: HeaderValues;
  readonly body?: RequestBody | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Sends requests through one kind of connection; throws what the platform throws. */
export interface Transport extends AsyncDisposable {
  request(request: SettledRequest): Promise<HttpResponse>;
}

export interface UpgradeTransport extends Transport {
  upgrade(request: SettledRequest & Pick<UpgradeRequest, 'protocol'>): Promise<UpgradeResult>;
}

const toOutgoing = (headers: HeaderValues): Record<string, string | string[]> => {
  const result: Record<string, string | string[]> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) result[name] = typeof value === 'string' ? value : [...value];
  }
  return result;
};

const sendBody = (outgoing: ClientRequest, body: RequestBody | undefined): void => {
  if (body instanceof Readable) {
    pipeline(body, outgoing).catch((error: unknown) =>
      outgoing.destroy(error instanceof Error ? error : undefined),
    );
    return;
  }
  if (body === undefined) outgoing.end();
  else outgoing.end(body);
};

const headersIn = (message: IncomingMessage): HeaderValues => message.headers;

const answerOf = (message: IncomingMessage): HttpResponse => ({
  status: message.statusCode ?? 0,
  headers: headersIn(message),
  body: message,
});

const connectTimeout = (outgoing: ClientRequest, milliseconds: number): void => {
  if (milliseconds === 0) return;
  outgoing.once('socket', (socket) => {
    if (!socket.connecting) return;
    const timer = setTimeout(
      () => outgoing.destroy(Object.assign(new Error('connecting took too long'), { code: 'ETIMEDOUT' })),
      milliseconds,
    );
    const stop = (): void => clearTimeout(timer);
    socket.once('connect', stop).once('close', stop);
  });
};

/**
 * Node's own client: starts in no time and can hand over its connection. For unix sockets and for upgrades.
 *
 * `trust` is asked for when a TLS connection is made.
 */
export const createNodeTransport = (
  options: HttpClientOptions,
  trust: () => SecureContext,
): UpgradeTransport => {
  const agent = new Agent({ keepAlive: true });
  let tlsAgent: TlsAgent | undefined;
  const guarding = (url: URL): Pick<RequestOptions, 'lookup'> => {
    if (options.guard === undefined || options.socketPath !== undefined) return {};
    options.guard.checkLiteral(targetOf(url));
    return { lookup: options.guard.lookup(targetOf(url)) };
  };
  const optionsFor = (request: SettledRequest): RequestOptions => ({
    method: request.method,
    path: `${request.url.pathname}${request.url.search}`,
    headers: toOutgoing(request.headers),
    ...(request.signal === undefined ? {} : { signal: request.signal }),
    ...guarding(request.url),
    ...(options.socketPath === undefined
      ? { host: request.url.hostname.replace(/^\[(.*)\]$/, '$1'), port: request.url.port }
      : { socketPath: options.socketPath }),
  });
  const start = (request: SettledRequest): ClientRequest => {
    const common = optionsFor(request);
    if (request.url.protocol !== 'https:' || options.socketPath !== undefined)
      return httpRequest({ ...common, agent });
    tlsAgent ??= new TlsAgent({ keepAlive: true });
    const tls = { agent: tlsAgent, secureContext: trust(), rejectUnauthorized: options.insecure !== true };
    return tlsRequest({ ...common, ...tls });
  };
  const connectMs = options.timeouts?.connectMs ?? 15_000;
  return {
    request: async (request) => {
      const outgoing = start(request);
      const { promise, resolve, reject } = Promise.withResolvers<HttpResponse>();
      outgoing.once('response', (message: IncomingMessage) => resolve(answerOf(message))).on('error', reject);
      connectTimeout(outgoing, connectMs);
      sendBody(outgoing, request.body);
      return promise;
    },
    upgrade: async (request) => {
      const headers = { ...request.headers, connection: 'Upgrade', upgrade: request.protocol ?? 'tcp' };
      const outgoing = start({ ...request, headers });
      const { promise, resolve, reject } = Promise.withResolvers<UpgradeResult>();
      outgoing
        .once('upgrade', (message: IncomingMessage, socket: Duplex, head: Buffer) => {
          if (head.length > 0) socket.unshift(head);
          resolve({ kind: 'upgraded', status: message.statusCode ?? 0, headers: headersIn(message), socket });
        })
        .once('response', (message: IncomingMessage) => resolve({ kind: 'response', ...answerOf(message) }))
        .on('error', reject);
      connectTimeout(outgoing, connectMs);
      sendBody(outgoing, request.body);
      return promise;
    },
    [Symbol.asyncDispose]: async () => {
      agent.destroy();
      tlsAgent?.destroy();
    },
  };
};
