import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';

/** A call that the fake daemon got. */
export interface Call {
  readonly method: string;
  /** Without a version prefix. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
}

/** JSON, or undefined for a 404 with docker's words; functions may write the answer themselves. */
export type Route = (call: Call, response: ServerResponse) => unknown;

export interface FakeDaemon extends AsyncDisposable {
  readonly folder: string;
  readonly address: string;
  readonly calls: readonly Call[];
}

export interface FakeOptions {
  /** By `METHOD /path`; a path may end in `*`. */
  readonly routes: Readonly<Record<string, Route>>;
  /** Gets connections that were upgraded, after the 101. */
  readonly hijack?: ((call: Call, socket: Duplex) => void) | undefined;
}

const readBody = async (request: IncomingMessage): Promise<Buffer> => {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
};

const toCall = (request: IncomingMessage, body: Buffer): Call => {
  const url = new URL(request.url ?? '/', 'http://x');
  const path = decodeURIComponent(url.pathname.replace(/^\/v1\.\d+/, ''));
  return { method: request.method ?? '', path, query: url.searchParams, headers: request.headers, body };
};

const findRoute = (routes: FakeOptions['routes'], call: Call): Route | undefined => {
  const key = `${call.method} ${call.path}`;
  const wild = Object.keys(routes).find((name) => name.endsWith('*') && key.startsWith(name.slice(0, -1)));
  return routes[key] ?? (wild === undefined ? undefined : routes[wild]);
};

const respond = (options: FakeOptions, call: Call, response: ServerResponse): void => {
  response.setHeader('Api-Version', '1.51');
  response.setHeader('Ostype', 'linux');
  response.setHeader('Builder-Version', '1');
  if (call.path === '/_ping') return void response.end(call.method === 'HEAD' ? undefined : 'OK');
  const answer = findRoute(options.routes, call)?.(call, response);
  if (response.headersSent || response.writableEnded) return undefined;
  response.setHeader('Content-Type', 'application/json');
  if (answer === undefined) response.statusCode = 404;
  return void response.end(JSON.stringify(answer ?? { message: `No such thing: ${call.path}` }));
};

/** Listens on a unix socket in a directory of its own and answers from a table. */
export const startFakeDaemon = async (options: FakeOptions): Promise<FakeDaemon> => {
  const folder = mkdtempSync(join(tmpdir(), 'lade-cli-'));
  const path = join(folder, 's');
  const calls: Call[] = [];
  const hijacked = new Set<Duplex>();
  const server = createServer((request, response) => {
    void readBody(request).then((body) => {
      const call = toCall(request, body);
      calls.push(call);
      respond(options, call, response);
    });
  });
  server.on('upgrade', (request, socket: Duplex) => {
    const call = toCall(request, Buffer.alloc(0));
    calls.push(call);
    hijacked.add(socket);
    socket.on('error', () => undefined);
    socket.write('HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n');
    options.hijack?.(call, socket);
  });
  server.listen(path);
  await once(server, 'listening');
  return {
    folder,
    address: `unix://${path}`,
    calls,
    async [Symbol.asyncDispose]() {
      for (const socket of hijacked) socket.destroy();
      server.closeAllConnections();
      await new Promise((resolve) => void server.close(resolve));
      rmSync(folder, { recursive: true, force: true });
    },
  };
};

export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end with both outputs collected. */
export const runProgram = async (
  command: readonly string[],
  options: {
    readonly env: NodeJS.ProcessEnv;
    readonly input?: string | undefined;
    readonly cwd?: string | undefined;
  },
): Promise<Ran> => {
  const [file = '', ...args] = command;
  const child = spawn(file, args, { env: options.env, cwd: options.cwd, stdio: 'pipe' });
  child.stdin.on('error', () => undefined);
  child.stdin.end(options.input ?? '');
  const output = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk: Buffer) => (output.stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output.stderr += chunk.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, ...output };
};

/** The command line from its source, against the fake daemon. */
export const runLade = async (daemon: FakeDaemon, args: readonly string[], input?: string): Promise<Ran> => {
  const main = join(import.meta.dirname, 'main.ts');
  const env = { ...process.env, LADE_HOST: daemon.address, DOCKER_CONFIG: daemon.folder, TZ: 'UTC' };
  return await runProgram([process.execPath, main, ...args], { env, input, cwd: daemon.folder });
};
