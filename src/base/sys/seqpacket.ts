import { closeSync, constants, openSync, readSync } from 'node:fs';
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

type Written = (error?: Error | null) => void;
type Packets = { chunk: unknown; encoding: BufferEncoding }[];

/** Node's class has them, its types do not. */
interface SocketWrites {
  readonly _write: (this: Socket, chunk: unknown, encoding: BufferEncoding, done: Written) => void;
  readonly _writev: (this: Socket, packets: Packets, done: Written) => void;
}
const { _write, _writev } = Socket.prototype as unknown as SocketWrites;

const MAX_PACKET_BYTES = 256 * 1024;

/** Packets that the kernel holds; its answer to a reset comes before them, once. */
function* packetsLeft(fd: number): Generator<Buffer> {
  const block = Buffer.allocUnsafe(MAX_PACKET_BYTES);
  for (;;) {
    let size = 0;
    try {
      size = readSync(fd, block);
    } catch {
      return;
    }
    if (size === 0) return;
    yield Buffer.from(block.subarray(0, size));
  }
}

/**
 * A peer that goes while packets of ours are unread resets the connection, and the kernel tells that before what the
 * peer had sent; Node would close the socket then. So what arrived is delivered first, and a failed write, which says
 * only that the peer reads no more, closes nothing.
 *
 * Without a buffer of its own (`readableHighWaterMark`) everything that waits does so in the kernel.
 */
class PacketSocket extends Socket {
  override _write(chunk: unknown, encoding: BufferEncoding, done: Written): void {
    _write.call(this, chunk, encoding, () => done());
  }

  override _writev(packets: Packets, done: Written): void {
    _writev.call(this, packets, () => done());
  }

  override _destroy(error: Error | null, done: Written): void {
    const fd = (this as unknown as { readonly _handle?: { readonly fd?: number } | null })._handle?.fd ?? -1;
    if (error !== null && fd >= 0) for (const packet of packetsLeft(fd)) this.emit('data', packet);
    super._destroy(error, done);
  }
}

/**
 * Connects to a listening SOCK_SEQPACKET socket, as conmon's attach socket is; paths of any length.
 *
 * Each 'data' event is one packet (read it by 'data' or pipe, never by async iteration, which joins packets), each
 * write is one packet, and `end()` shuts the sending side down while packets still arrive. What the peer sent before it
 * went is delivered also when it left packets of ours unread: then 'error' and 'close' follow it, or 'end' when a write
 * met the reset first. Writes after that succeed and go nowhere.
 */
export const connectSeqpacket = (path: string): Socket => {
  const fd = connectAnyLength(path);
  const handle = new (pipeConstructor())(0);
  handle.open(fd);
  const options = { handle, allowHalfOpen: true, readableHighWaterMark: 0 };
  return new PacketSocket(options as unknown as { allowHalfOpen: boolean });
};
