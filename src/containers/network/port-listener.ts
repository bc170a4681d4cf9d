import { createSocket, type Socket as DatagramSocket } from 'node:dgram';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { pipeline } from 'node:stream';

/** Where a connection that reached us is passed on to. */
export interface Target {
  readonly ip: string;
  readonly port: number;
}

/** Holds one port of this machine, so that nobody else takes it. */
export interface PortListener {
  readonly port: number;
  close(): void;
}

const pass = (client: Socket, target: Target): void => {
  const server = connect({ host: target.ip, port: target.port, allowHalfOpen: true });
  const drop = (): void => {
    client.destroy();
    server.destroy();
  };
  server.on('connect', () => {
    pipeline(client, server, (error) => error && drop());
    pipeline(server, client, (error) => error && drop());
  });
  server.on('error', drop);
  client.on('error', drop);
};

/**
 * Listens on a TCP port. The packet rules take IPv4 connections away before they arrive here; what does arrive (IPv6,
 * or everything after somebody flushed the rules) is passed on.
 *
 * Rejects with the system's error: EADDRINUSE, EADDRNOTAVAIL, EACCES.
 */
export const listenTcp = async (host: string, port: number, target: () => Target): Promise<PortListener> => {
  const clients = new Set<Socket>();
  const server: Server = createServer({ allowHalfOpen: true }, (client) => {
    clients.add(client);
    client.on('close', () => clients.delete(client));
    pass(client, target());
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port, ipv6Only: host.includes(':') }, resolve);
  });
  // A connection that the kernel could not hand over; the next one may come through.
  server.on('error', () => undefined);
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : port,
    close() {
      server.close();
      for (const client of clients) client.destroy();
    },
  };
};

/** Binds a UDP port without answering on it. Rejects as `listenTcp`. */
export const holdUdp = async (host: string, port: number): Promise<PortListener> => {
  const socket: DatagramSocket = createSocket('udp4');
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject);
    socket.bind({ address: host, port, exclusive: true }, resolve);
  }).catch((error: unknown) => {
    socket.close();
    throw error;
  });
  socket.on('error', () => undefined);
  return { port: socket.address().port, close: () => void socket.close() };
};
