import { closeSync } from 'node:fs';
import { checked, libcFunction } from './libc.ts';
import { inNetns } from './netns.ts';

const AF_INET = 2;
const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const BACKLOG = 64;

const cSocket = libcFunction('int socket(int domain, int type, int protocol)');
const cBind = libcFunction('int bind(int fd, const uint8_t *address, unsigned int length)');
const cListen = libcFunction('int listen(int fd, int backlog)');

export interface NetnsSocket {
  /** Of `createNetns`. */
  readonly netnsPath: string;
  readonly kind: 'tcp' | 'udp';
  /** IPv4 address inside the namespace. */
  readonly address: string;
  readonly port: number;
}

/** struct sockaddr_in. */
const socketAddress = (address: string, port: number): Buffer => {
  const buffer = Buffer.alloc(16);
  buffer.writeUInt16LE(AF_INET, 0);
  buffer.writeUInt16BE(port, 2);
  Buffer.from(address.split('.').map(Number)).copy(buffer, 4);
  return buffer;
};

/**
 * Opens a bound UDP or listening TCP socket inside a network namespace, for `dgram.bind({ fd })` or
 * `server.listen({ fd })` outside it. The descriptor belongs to the caller and keeps the namespace alive.
 */
export const openNetnsSocket = (options: NetnsSocket): number => {
  const { netnsPath, kind, address, port } = options;
  const type = (kind === 'tcp' ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK | SOCK_CLOEXEC;
  const target = `${kind} ${address}:${port} in ${netnsPath}`;
  return inNetns(netnsPath, () => {
    const fd = checked('socket', target, cSocket(AF_INET, type, 0));
    try {
      const bytes = socketAddress(address, port);
      checked('bind', target, cBind(fd, bytes, bytes.length));
      if (kind === 'tcp') checked('listen', target, cListen(fd, BACKLOG));
      return fd;
    } catch (error) {
      closeSync(fd);
      throw error;
    }
  });
};
