import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { connect, createServer as createTcpServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Scratch } from '../scratch.ts';
import { makeContext, type CorpusCase } from './case.ts';

/** Where ADD fetches from: files over HTTP, and git repositories over git's own protocol. */
export interface Origins extends AsyncDisposable {
  /** Makes a case's files there to be fetched; gives the build arguments that name them. */
  serve(what: CorpusCase): Promise<readonly string[]>;
}

const freePort = async (): Promise<number> => {
  const server = createTcpServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
};

const waitForPort = async (port: number): Promise<void> => {
  for (let left = 100; left > 0; left--) {
    const socket = connect(port, '127.0.0.1');
    const open = await Promise.race([
      once(socket, 'connect').then(() => true),
      once(socket, 'error').then(() => false),
    ]).catch(() => false);
    socket.destroy();
    if (open) return;
    await sleep(50);
  }
  throw new Error(`nothing answers at port ${port}`);
};

const serveFiles = async (root: string) => {
  const server = createServer((request, response) => {
    try {
      const body = readFileSync(join(root, new URL(request.url ?? '/', 'http://x').pathname));
      response.setHeader('last-modified', 'Tue, 02 Jan 2024 03:04:05 GMT');
      response.setHeader('etag', `"${body.length}"`);
      response.end(body);
    } catch {
      response.writeHead(404).end();
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { port: (server.address() as AddressInfo).port, server };
};

/** Starts both servers on free ports of loopback. */
export const startOrigins = async (scratch: Scratch): Promise<Origins> => {
  const root = scratch.join('origins');
  mkdirSync(root);
  const { port, server } = await serveFiles(root);
  const gitPort = await freePort();
  const base = [`--base-path=${root}`, '--export-all', '--listen=127.0.0.1', `--port=${gitPort}`];
  const daemon = spawn('git', ['daemon', '--reuseaddr', ...base, root], { stdio: 'ignore', detached: true });
  const exited = once(daemon, 'exit');
  await waitForPort(gitPort);
  return {
    async serve(what) {
      const folder = join(root, what.name);
      await makeContext(what, folder);
      return [
        '--build-arg',
        `FILES=http://127.0.0.1:${port}/${what.name}`,
        '--build-arg',
        `GIT=git://127.0.0.1:${gitPort}/${what.name}`,
      ];
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      // git starts the daemon as a process of its own; both are in one group.
      if (daemon.pid !== undefined) process.kill(-daemon.pid, 'SIGTERM');
      await exited;
    },
  };
};
