import { createSocket } from 'node:dgram';
import { closeSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { openNetnsSocket } from '#sys';
import { RESOLVER_ADDRESS } from './resolv-conf.ts';
import { framed } from './resolver-upstream.ts';

const PORT = 53;
/** A connection that asks nothing for so long is closed. */
const IDLE_MS = 10_000;
/** Questions of one container that may wait at once; more are dropped, as a full network would. */
const MOST_WAITING = 256;

/** Answers one message; undefined drops it. */
export type Responder = (message: Buffer, transport: 'udp' | 'tcp') => Promise<Buffer | undefined>;

const serveUdp = (netnsPath: string, respond: Responder): (() => void) => {
  const fd = openNetnsSocket({ netnsPath, kind: 'udp', address: RESOLVER_ADDRESS, port: PORT });
  const socket = createSocket('udp4');
  let waiting = 0;
  let open = true;
  socket.on('error', () => undefined);
  socket.on('message', (message: Buffer, from) => {
    if (waiting >= MOST_WAITING) return;
    waiting += 1;
    void respond(message, 'udp').then((response) => {
      waiting -= 1;
      if (open && response !== undefined) socket.send(response, from.port, from.address);
    });
  });
  socket.bind({ fd });
  return () => {
    open = false;
    socket.close();
  };
};

const serveConnection = (socket: Socket, respond: Responder): void => {
  let received = Buffer.alloc(0);
  socket.setTimeout(IDLE_MS, () => socket.destroy());
  socket.on('error', () => socket.destroy());
  socket.on('data', (data: Buffer) => {
    received = Buffer.concat([received, data]);
    while (received.length >= 2 && received.length >= 2 + received.readUInt16BE(0)) {
      const end = 2 + received.readUInt16BE(0);
      const message = Buffer.from(received.subarray(2, end));
      received = received.subarray(end);
      void respond(message, 'tcp').then((response) => {
        if (response !== undefined && socket.writable) socket.write(framed(response));
      });
    }
  });
};

const serveTcp = (netnsPath: string, respond: Responder): (() => void) => {
  const fd = openNetnsSocket({ netnsPath, kind: 'tcp', address: RESOLVER_ADDRESS, port: PORT });
  const connections = new Set<Socket>();
  const server = createServer((socket) => {
    connections.add(socket);
    socket.on('close', () => connections.delete(socket));
    serveConnection(socket, respond);
  });
  server.maxConnections = MOST_WAITING;
  server.on('error', () => closeSync(fd));
  server.listen({ fd });
  return () => {
    server.close();
    for (const socket of connections) socket.destroy();
  };
};

/** Answers a container at 127.0.0.11 port 53 until disposed; its namespace lives at least as long. */
export const serveSandbox = (netnsPath: string, respond: Responder): Disposable => {
  const closeUdp = serveUdp(netnsPath, respond);
  try {
    const closeTcp = serveTcp(netnsPath, respond);
    return {
      [Symbol.dispose]() {
        closeUdp();
        closeTcp();
      },
    };
  } catch (error) {
    closeUdp();
    throw error;
  }
};
