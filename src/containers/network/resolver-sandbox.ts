import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { openNetnsSocket } from '#sys';
import { RESOLVER_ADDRESS } from './resolv-conf.ts';
import { runProgram } from './run-program.ts';
import { framed } from './resolver-upstream.ts';

/** A connection that asks nothing for so long is closed. */
const IDLE_MS = 10_000;
/** Questions of one container that may wait at once; more are dropped, as a full network would. */
const MOST_WAITING = 256;

/** Answers one message; undefined drops it. */
export type Responder = (message: Buffer, transport: 'udp' | 'tcp') => Promise<Buffer | undefined>;

interface Service {
  readonly port: number;
  close(): void;
}

const serveUdp = async (netnsPath: string, respond: Responder): Promise<Service> => {
  const fd = openNetnsSocket({ netnsPath, kind: 'udp', address: RESOLVER_ADDRESS, port: 0 });
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
  // A socket that is bound already may say so before bind returns.
  const listening = once(socket, 'listening');
  socket.bind({ fd });
  await listening;
  return {
    port: socket.address().port,
    close() {
      open = false;
      socket.close();
    },
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

const serveTcp = async (netnsPath: string, respond: Responder): Promise<Service> => {
  const fd = openNetnsSocket({ netnsPath, kind: 'tcp', address: RESOLVER_ADDRESS, port: 0 });
  const connections = new Set<Socket>();
  const server = createServer((socket) => {
    connections.add(socket);
    socket.on('close', () => connections.delete(socket));
    serveConnection(socket, respond);
  });
  server.maxConnections = MOST_WAITING;
  const listening = once(server, 'listening');
  server.listen({ fd });
  await listening;
  return {
    port: (server.address() as AddressInfo).port,
    close() {
      server.close();
      for (const socket of connections) socket.destroy();
    },
  };
};

/** Port 53 itself stays free for the container: its packets to the resolver are led to the ports we got. */
const redirect = async (netnsPath: string, udp: number, tcp: number): Promise<void> => {
  const rule = (protocol: string, port: number): string =>
    `ip daddr ${RESOLVER_ADDRESS} ${protocol} dport 53 dnat to ${RESOLVER_ADDRESS}:${port}`;
  const text = `table ip lade-names
delete table ip lade-names
table ip lade-names {
  chain output {
    type nat hook output priority -100; policy accept;
    ${rule('udp', udp)}
    ${rule('tcp', tcp)}
  }
}
`;
  await runProgram('nsenter', [`--net=${netnsPath}`, 'nft', '-f', '-'], text);
};

/** Answers a container at 127.0.0.11 port 53 until disposed; its namespace lives at least as long. */
export const serveSandbox = async (netnsPath: string, respond: Responder): Promise<Disposable> => {
  const services: Service[] = [];
  const close = (): void => services.forEach((service) => service.close());
  try {
    const udp = await serveUdp(netnsPath, respond);
    services.push(udp);
    const tcp = await serveTcp(netnsPath, respond);
    services.push(tcp);
    await redirect(netnsPath, udp.port, tcp.port);
    return { [Symbol.dispose]: close };
  } catch (error) {
    close();
    throw error;
  }
};
