import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { Duplex } from 'node:stream';
import { createSecureContext, Server as TlsServer } from 'node:tls';
import { answered, loadAnswered } from './exchange.ts';
import { offerUpgrade, wasHijacked } from './hijack.ts';
import { listenOn } from './listen.ts';
import type { BoundAddress, HttpServer, HttpServerOptions, ListenAddress, ServerTls } from './types.ts';
import { noteUnixConnection } from './unix-connections.ts';

type Listener = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

interface Listening {
  readonly server: Server;
  readonly connections: Set<Duplex>;
}

const DEFAULT_GRACE_MS = 5_000;

const HEADERS_MS = 60_000;
const CHECK_MS = 30_000;

/** Uploads may take hours, so only the headers have a limit; idle connections outlive the clients' own pools. */
const serverOptions = (headersMs: number) => ({
  requestTimeout: 0,
  headersTimeout: headersMs,
  connectionsCheckingInterval: Math.min(CHECK_MS, headersMs / 2),
  keepAliveTimeout: 120_000,
});

/** Java's client offers `h2c` on every plain request; only those that mean it lose their HTTP connection. */
const wantsUpgrade = (request: IncomingMessage): boolean => request.headers['http2-settings'] === undefined;

/** On a unix socket the Host header means nothing, and clients send `""`, a path or none; URLs need a name. */
const nameHost = (address: ListenAddress, request: IncomingMessage): void => {
  if (address.kind === 'unix') request.headers.host = 'localhost';
};

/**
 * Loads Hono's listener with the first request that gets so far, where others are answered before: it takes 15 MB, which a
 * program that only speaks its protocol never needs.
 */
const createListener = async (options: HttpServerOptions): Promise<Listener> => {
  if (options.first === undefined) return await loadListener(options);
  let loading: Promise<Listener> | undefined;
  return async (request, response) => {
    loading ??= loadListener(options);
    const listener = await loading;
    await listener(request, response);
  };
};

const loadListener = async (options: HttpServerOptions): Promise<Listener> => {
  await loadAnswered();
  const { getRequestListener } = await import('@hono/node-server');
  const failed = (error: unknown): Response =>
    options.onError?.(error) ?? new Response(null, { status: 500 });
  return getRequestListener(
    async (request, env) => {
      const { outgoing } = env as { readonly outgoing: ServerResponse };
      try {
        const response = await options.app.fetch(request, env);
        return outgoing.headersSent ? answered() : response;
      } catch (error) {
        if (!outgoing.headersSent) return failed(error);
        outgoing.destroy();
        return answered();
      }
    },
    // The rest of a body is thrown away after the answer; Hono's own way cuts the connection after half a second.
    { errorHandler: failed, autoCleanupIncoming: false },
  );
};

const refuseUpgrade = (socket: Duplex): void => {
  socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
};

const answerUpgrade = async (
  listener: Listener,
  exchange: { readonly request: IncomingMessage; readonly response: ServerResponse },
  socket: Duplex,
): Promise<void> => {
  const { request, response } = exchange;
  response.on('error', () => socket.destroy());
  response.once('finish', () => {
    if (wasHijacked(request)) return;
    response.detachSocket(request.socket);
    socket.resume();
    socket.end();
  });
  await listener(request, response);
};

const acceptUpgrades = (server: Server, listener: Listener, address: ListenAddress): void => {
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    nameHost(address, request);
    socket.on('error', () => socket.destroy());
    offerUpgrade(request, socket, head)
      .then((exchange) => answerUpgrade(listener, exchange, socket))
      .catch(() => refuseUpgrade(socket));
  });
};

const contextOf = ({ cert, key, clientCa, minVersion = 'TLSv1.2' }: ServerTls) => ({
  cert,
  key,
  minVersion,
  ...(clientCa === undefined ? {} : { ca: clientCa }),
});

const replaceTls = (listenings: readonly Listening[], tls: ServerTls): void => {
  const context = contextOf(tls);
  createSecureContext(context);
  for (const { server } of listenings) if (server instanceof TlsServer) server.setSecureContext(context);
};

const createListening = (
  address: ListenAddress,
  listener: Listener,
  { first, headersMs = HEADERS_MS }: HttpServerOptions,
): Listening => {
  const requireHostHeader = address.kind === 'tcp';
  const options = { ...serverOptions(headersMs), requireHostHeader, shouldUpgradeCallback: wantsUpgrade };
  const onRequest = (request: IncomingMessage, response: ServerResponse): void => {
    nameHost(address, request);
    // A handler that writes after the end must not end the process.
    response.on('error', () => response.destroy());
    // Clients send a body to its end before they look at the answer, also when its reader gave up midway.
    response.once('finish', () => request.resume());
    if (first?.(request, response) !== true) void listener(request, response);
  };
  const tls = address.kind === 'tcp' ? address.tls : undefined;
  const server =
    tls === undefined
      ? createServer(options, onRequest)
      : createTlsServer(
          {
            ...options,
            ...contextOf(tls),
            requestCert: tls.clientCa !== undefined,
            rejectUnauthorized: tls.clientCa !== undefined && tls.clientCertificates !== 'optional',
          },
          onRequest,
        );
  // A connection that the kernel could not hand over; the next one may come through. Errors of listening are awaited.
  server.on('error', () => undefined);
  const connections = new Set<Duplex>();
  server.on('connection', (socket: Duplex) => {
    if (address.kind === 'unix') noteUnixConnection(socket);
    connections.add(socket);
    socket.once('close', () => connections.delete(socket));
  });
  acceptUpgrades(server, listener, address);
  return { server, connections };
};

const closeOne = async ({ server, connections }: Listening, graceMs: number): Promise<void> => {
  if (!server.listening && connections.size === 0) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  server.close(() => resolve());
  server.closeIdleConnections();
  const idle = setInterval(() => server.closeIdleConnections(), 100);
  const timer = setTimeout(() => {
    for (const connection of connections) connection.destroy();
  }, graceMs);
  await promise;
  clearTimeout(timer);
  clearInterval(idle);
};

/**
 * Serves a Hono application on every address of `listen`: all of them, or none and an error.
 *
 * A unix socket file that nobody serves is replaced. Requests with `Upgrade` run through the same routes;
 * `hijack(c)` takes their connection.
 *
 * @throws HTTP_ADDRESS_IN_USE, HTTP_SOCKET_IN_USE, HTTP_SOCKET_PATH_TAKEN, HTTP_SOCKET_PATH_TOO_LONG,
 * HTTP_CANNOT_LISTEN
 */
export const startHttpServer = async (options: HttpServerOptions): Promise<HttpServer> => {
  const listener = await createListener(options);
  const listenings: Listening[] = [];
  const addresses: BoundAddress[] = [];
  const close = async (graceMs: number = DEFAULT_GRACE_MS): Promise<void> => {
    await Promise.all(listenings.map((listening) => closeOne(listening, graceMs)));
  };
  try {
    for (const address of options.listen) {
      const listening = createListening(address, listener, options);
      addresses.push(await listenOn(listening.server, address));
      listenings.push(listening);
    }
  } catch (error) {
    await close(0);
    throw error;
  }
  return {
    addresses,
    close,
    replaceTls: (tls) => replaceTls(listenings, tls),
    [Symbol.asyncDispose]: () => close(),
  };
};
