import { createReadStream } from 'node:fs';
import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { pipeline } from 'node:stream/promises';
import { sendThroughKernel } from './file-sender.ts';
import type { FileRegion } from './types.ts';

/** Node keeps the descriptor of a connection to itself; TLS has none that could be written to. */
const descriptorOf = (socket: Socket): number | undefined => {
  if ('encrypted' in socket) return undefined;
  const { _handle: handle } = socket as Socket & { readonly _handle?: { readonly fd?: unknown } | null };
  return typeof handle?.fd === 'number' && handle.fd >= 0 ? handle.fd : undefined;
};

/** The descriptor, once everything written before is with the kernel; undefined when there is none. */
const flushedDescriptor = async (response: ServerResponse): Promise<number | undefined> => {
  const { socket } = response;
  // Behind another answer on its connection there is no socket yet.
  if (socket === null || descriptorOf(socket) === undefined) return undefined;
  response.flushHeaders();
  if (socket.writableLength > 0) await new Promise<void>((resolve) => socket.write('', () => resolve()));
  return descriptorOf(socket);
};

const stream = async (response: ServerResponse, { fd, start, end }: FileRegion): Promise<void> => {
  const source = createReadStream('', {
    fd,
    start,
    end: end - 1,
    autoClose: false,
    highWaterMark: 256 * 1024,
  });
  await pipeline(source, response);
};

/**
 * Answers with a region of an open file, as the whole body; head and length must be written. The kernel sends it by
 * itself where the connection allows it, streams do otherwise. A connection that is cut, or a file that is too short, cuts
 * the answer, so that no client takes it for a whole one. Never rejects.
 */
export const sendRegion = async (response: ServerResponse, region: FileRegion): Promise<void> => {
  const gone = new AbortController();
  const leave = (): void => gone.abort();
  response.once('close', leave);
  if (response.destroyed) leave();
  try {
    if (region.start === region.end) return void response.end();
    const socket = await flushedDescriptor(response);
    if (socket === undefined) return await stream(response, region);
    if (await sendThroughKernel(socket, region, gone.signal)) response.end();
    else response.destroy();
  } catch {
    response.destroy();
  } finally {
    response.off('close', leave);
  }
};
