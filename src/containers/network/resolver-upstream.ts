import { createSocket } from 'node:dgram';
import { readFileSync, statSync } from 'node:fs';
import { connect, isIPv6 } from 'node:net';
import { answersQuery, type Query } from './dns-message.ts';
import { parseResolvConf } from './resolv-conf.ts';

const PORT = 53;
/** How long one server is waited for. */
const PATIENCE_MS = 3000;

/** This machine's servers, read again when the file changes. */
export const createServerList = (path: () => string): (() => readonly string[]) => {
  let read = { key: '', servers: [] as readonly string[] };
  return () => {
    try {
      const { mtimeMs, ino } = statSync(path());
      const key = `${path()} ${mtimeMs} ${ino}`;
      if (key !== read.key)
        read = { key, servers: parseResolvConf(readFileSync(path(), 'utf8')).nameservers };
    } catch {
      read = { key: '', servers: [] };
    }
    return read.servers;
  };
};

const askByUdp = async (server: string, message: Buffer, query: Query): Promise<Buffer | undefined> =>
  await new Promise((resolve) => {
    const socket = createSocket(isIPv6(server) ? 'udp6' : 'udp4');
    const finish = (response?: Buffer): void => {
      clearTimeout(timer);
      socket.removeAllListeners('message');
      socket.close();
      resolve(response);
    };
    const timer = setTimeout(finish, PATIENCE_MS);
    socket.on('error', () => finish());
    socket.on('message', (response: Buffer) => {
      if (answersQuery(response, query)) finish(response);
    });
    // A connected socket hears that server only, and hears when nobody listens there.
    socket.connect(PORT, server, () => socket.send(message));
  });

const askByTcp = async (server: string, message: Buffer, query: Query): Promise<Buffer | undefined> =>
  await new Promise((resolve) => {
    const socket = connect({ host: server, port: PORT });
    let received = Buffer.alloc(0);
    const finish = (response?: Buffer): void => {
      socket.destroy();
      resolve(response);
    };
    socket.setTimeout(PATIENCE_MS, () => finish());
    socket.on('error', () => finish());
    socket.on('close', () => finish());
    socket.on('connect', () => socket.write(framed(message)));
    socket.on('data', (data: Buffer) => {
      received = Buffer.concat([received, data]);
      if (received.length < 2 || received.length < 2 + received.readUInt16BE(0)) return;
      const response = received.subarray(2, 2 + received.readUInt16BE(0));
      finish(answersQuery(response, query) ? response : undefined);
    });
  });

/** A message with its length before it, as TCP carries it (RFC 1035 section 4.2.2). */
export const framed = (message: Buffer): Buffer => {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(message.length);
  return Buffer.concat([length, message]);
};

export interface Question {
  readonly query: Query;
  /** As it came. */
  readonly message: Buffer;
  readonly transport: 'udp' | 'tcp';
}

/** The first answer any of the servers gives, in their order; undefined when none does. */
export const askServers = async (
  servers: readonly string[],
  { query, message, transport }: Question,
): Promise<Buffer | undefined> => {
  for (const server of servers) {
    const ask = transport === 'udp' ? askByUdp : askByTcp;
    const response = await ask(server, message, query);
    if (response !== undefined) return response;
  }
  return undefined;
};
