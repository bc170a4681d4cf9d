import type { Duplex, Writable } from 'node:stream';
import { frameHeader } from '#api';
import type { Attachment } from '#engine';
import { drained } from '#http';
import type { OutputChunk } from '#runtime';
import { peerClosed } from '#sys';

/** What a client gets for one piece of output: raw bytes of a terminal, frames otherwise. */
export const encodeOutput = (chunk: OutputChunk, tty: boolean): Buffer =>
  tty ? chunk.data : Buffer.concat([frameHeader(chunk.stream, chunk.data.length), chunk.data]);

/** Writes output as fast as the client takes it; ends quietly when the client is gone. */
export const pumpOutput = async (
  output: AsyncIterable<OutputChunk>,
  tty: boolean,
  sink: Writable,
): Promise<void> => {
  for await (const chunk of output) {
    if (sink.destroyed) return;
    if (!sink.write(encodeOutput(chunk, tty))) await drained(sink);
  }
};

const LINGER_MS = 2000;

/**
 * Ends our side; the connection closes when the client ends its own, or a while after all is sent, however slowly the
 * client reads, and the client sends nothing more: to close on what it still sends would cut what it still reads.
 */
const endGently = (socket: Duplex): void => {
  if (socket.destroyed) return;
  socket.unpipe();
  socket.resume();
  socket.end(() => {
    const timer = setTimeout(() => socket.destroy(), LINGER_MS);
    timer.unref();
    socket.on('data', () => timer.refresh());
    socket.once('close', () => clearTimeout(timer));
  });
};

const LOOK_MS = 1000;

/** After the client's half-close nothing but a look tells whether it still reads; a silent container never would. */
const watchPeer = (socket: Duplex): void => {
  const fd = (socket as { readonly _handle?: { readonly fd?: number } | null })._handle?.fd;
  if (fd === undefined || fd < 0) return;
  const timer = setInterval(() => {
    if (!socket.destroyed && peerClosed(fd)) socket.destroy();
  }, LOOK_MS);
  timer.unref();
  socket.once('close', () => clearInterval(timer));
};

const feedInput = (socket: Duplex, stdin: Writable | undefined): void => {
  if (stdin === undefined) {
    socket.resume();
    return;
  }
  stdin.on('error', () => socket.resume());
  socket.pipe(stdin);
};

/**
 * Joins a hijacked connection with a container's streams until output ends or the client leaves. The client's
 * half-close ends the input alone.
 */
export const runRawSession = async (socket: Duplex, attachment: Attachment): Promise<void> => {
  socket.on('error', () => undefined);
  socket.once('close', () => attachment.close());
  socket.once('end', () => watchPeer(socket));
  feedInput(socket, attachment.stdin);
  try {
    await pumpOutput(attachment.output, attachment.tty, socket);
  } finally {
    attachment.close();
    endGently(socket);
  }
};
