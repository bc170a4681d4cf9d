import { closeSync, constants, openSync } from 'node:fs';
import { createServer, Socket } from 'node:net';
import { basename, dirname } from 'node:path';
import { checked, libcFunction } from './libc.ts';

const AF_UNIX = 1;
const SOCK_SEQPACKET = 5;
const SOCK_CLOEXEC = 0o2000000;
const O_PATH = 0o10000000;
const PATH_MAX_BYTES = 107;

const cSocket = libcFunction('int socket(int domain, int type, int protocol)');
const cConnect = libcFunction('int connect(int fd, const uint8_t *address, unsigned int length)');

interface PipeHandle {
  open(fd: number): number | undefined;
}
type PipeConstructor = new (type: number) => PipeHandle;

let pipe: PipeConstructor | undefined;

/**
 * Node's own class for stream handles over unix sockets. `new Socket({ fd })` refuses sequenced-packet sockets, the
 * handle does not look; there is no public way to it but through the handle of a listening server.
 */
const pipeConstructor = (): PipeConstructor => {
  if (pipe !== undefined) return pipe;
  const server = createServer().listen(`\0lade-${process.pid}-${performance.now()}`);
  const handle = (server as unknown as { _handle: { constructor: PipeConstructor } })._handle;
  pipe = handle.constructor;
  server.close();
  return pipe;
};

const connectTo = (path: string): number => {
  const fd = checked('socket', path, cSocket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  const address = Buffer.alloc(110);
  address.writeUInt16LE(AF_UNIX, 0);
  address.write(path, 2);
  try {
    checked('connect', path, cConnect(fd, address, 2 + Buffer.byteLength(path) + 1));
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
};

const connectAnyLength = (path: string): number => {
  if (Buffer.byteLength(path) <= PATH_MAX_BYTES) return connectTo(path);
  const directory = openSync(dirname(path), O_PATH | constants.O_DIRECTORY);
  try {
    return connectTo(`/proc/self/fd/${directory}/${basename(path)}`);
  } finally {
    closeSync(directory);
  }
};

/**
 * Connects to a listening SOCK_SEQPACKET socket, as conmon's attach socket is; paths of any length.
 *
 * Each 'data' event is one packet (read it by 'data' or pipe, never by async iteration, which joins packets), each
 * write is one packet, and `end()` shuts the sending side down while packets still arrive.
 */
export const connectSeqpacket = (path: string): Socket => {
  const fd = connectAnyLength(path);
  const handle = new (pipeConstructor())(0);
  handle.open(fd);
  return new Socket({ handle, allowHalfOpen: true } as unknown as { allowHalfOpen: boolean });
};
