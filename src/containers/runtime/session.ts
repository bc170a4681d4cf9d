import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { Writable } from 'node:stream';
import { connectSeqpacket } from '#sys';
import { createChunkQueue } from './chunk-queue.ts';
import type { OutputChunk, Session, TerminalSize } from './types.ts';

/** First byte of a packet from conmon. */
const STDERR_PIPE = 3;
/** Conmon reads at most 32 KiB of a packet and drops the rest. */
const MAX_PACKET_BYTES = 16 * 1024;

type Done = (error?: Error | null) => void;

const sendFrom = (socket: Socket, chunk: Buffer, done: Done): void => {
  if (chunk.length === 0) return done();
  socket.write(chunk.subarray(0, MAX_PACKET_BYTES), (error) =>
    error === undefined || error === null
      ? sendFrom(socket, chunk.subarray(MAX_PACKET_BYTES), done)
      : done(error),
  );
};

/** One packet at a time: two in one system call would be joined and cut. */
const stdinOf = (socket: Socket): Writable => {
  const stdin = new Writable({
    write: (chunk: Buffer, _encoding, done) => sendFrom(socket, chunk, done),
    final(done) {
      socket.end();
      done();
    },
  });
  socket.once('close', () => stdin.destroy());
  stdin.on('error', () => undefined);
  return stdin;
};

/** Sets the size of the terminal that conmon holds, by its control FIFO; fails where conmon does not read it. */
export const resizeTerminal = async (control: string, size: TerminalSize): Promise<void> => {
  await using file = await open(control, constants.O_WRONLY | constants.O_NONBLOCK);
  await file.write(`1 ${size.rows} ${size.cols}\n`);
};

export interface SessionOptions {
  readonly attachSocket: string;
  readonly control: string;
  readonly openStdin: boolean;
}

/** Connects to conmon's attach socket. What was written before is in the log only. */
export const openSession = (options: SessionOptions): Session => {
  const socket = connectSeqpacket(options.attachSocket);
  const queue = createChunkQueue<OutputChunk>(socket);
  socket.on('data', (packet: Buffer) => {
    const stream = packet[0] === STDERR_PIPE ? 'stderr' : 'stdout';
    queue.push({ stream, data: packet.subarray(1) }, packet.length);
  });
  socket.once('end', () => socket.end());
  socket.on('error', () => undefined);
  socket.once('close', () => queue.end());
  return {
    stdin: options.openStdin ? stdinOf(socket) : undefined,
    output: queue,
    resize: (size) => void resizeTerminal(options.control, size).catch(() => undefined),
    close: () => void socket.destroy(),
  };
};
