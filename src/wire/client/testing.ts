import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A unix socket on which a test answers byte for byte. */
export interface RawServer extends AsyncDisposable {
  readonly path: string;
  /** What each connection sent so far, in the order they came. */
  readonly received: readonly Buffer[];
}

/** Listens in a directory of its own and hands every connection to `answer` with its number from 0. */
export const startRawServer = async (answer: (socket: Socket, index: number) => void): Promise<RawServer> => {
  const folder = mkdtempSync(join(tmpdir(), 'lade-client-'));
  const path = join(folder, 's');
  const received: Buffer[] = [];
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    const index = received.push(Buffer.alloc(0)) - 1;
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => {
      received[index] = Buffer.concat([received[index] ?? Buffer.alloc(0), chunk]);
    });
    answer(socket, index);
  });
  await new Promise<void>((resolve) => void server.listen(path, resolve));
  return {
    path,
    received,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => void server.close(resolve));
      rmSync(folder, { recursive: true, force: true });
    },
  };
};
