import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { startHttpServer } from '#http';
import { digestOf, type Digest } from '#oci';
import { createRegistry, openRegistryStorage } from '#registry';

/** A registry to test against. */
export interface TestRegistry extends AsyncDisposable {
  /** `127.0.0.1:PORT`. */
  readonly host: string;
}

export const sha256 = (bytes: Uint8Array | string): Digest =>
  digestOf('sha256', createHash('sha256').update(bytes).digest('hex'));

const DOCKER_REGISTRY = '/usr/bin/docker-registry';

/** Debian's docker-registry is there. */
export const hasDockerRegistry = existsSync(DOCKER_REGISTRY);

/** Debian's docker-registry on a directory of its own and a free port. */
export const startDockerRegistry = async (): Promise<TestRegistry> => {
  const root = await mkdtemp(join(tmpdir(), 'lade-docker-registry-'));
  const config = join(root, 'config.yml');
  const storage = `{filesystem: {rootdirectory: ${root}/data}, delete: {enabled: true}}`;
  await writeFile(config, `version: 0.1\nstorage: ${storage}\nhttp: {addr: '127.0.0.1:0'}\n`);
  const child = spawn(DOCKER_REGISTRY, ['serve', config], { stdio: ['ignore', 'ignore', 'pipe'] });
  const closed = once(child, 'close');
  let host = '';
  for await (const line of createInterface({ input: child.stderr })) {
    host = /listening on (127\.0\.0\.1:\d+)/.exec(line)?.[1] ?? '';
    if (host !== '') break;
  }
  child.stderr.resume();
  return {
    host,
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGKILL');
      await closed;
      await rm(root, { recursive: true, force: true });
    },
  };
};

/** Lade's own registry. */
export const startOwnRegistry = async (): Promise<TestRegistry> => {
  const root = await mkdtemp(join(tmpdir(), 'lade-own-registry-'));
  const stack = new AsyncDisposableStack();
  stack.defer(() => rm(root, { recursive: true, force: true }));
  const registry = createRegistry({ storage: stack.use(await openRegistryStorage(root)) });
  const server = await startHttpServer({
    ...registry,
    listen: [{ kind: 'tcp', host: '127.0.0.1', port: 0 }],
  });
  stack.defer(() => server.close(0));
  const host = new URL(server.addresses[0]?.url ?? '').host;
  return { host, [Symbol.asyncDispose]: () => stack.disposeAsync() };
};

export interface ScriptedRegistry extends TestRegistry {
  /** `METHOD path` of every request. */
  readonly seen: string[];
}

/** A server whose answers the test writes. */
export const startScript = async (
  answer: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<ScriptedRegistry> => {
  const seen: string[] = [];
  const server = createServer((request, response) => {
    seen.push(`${request.method} ${request.url}`);
    request.on('error', () => undefined);
    answer(request, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
    },
  };
};

/** What a scripted registry has, by the last part of the path: tags and digests. */
export type Shelf = ReadonlyMap<string, { readonly bytes: Buffer; readonly mediaType?: string | undefined }>;

/** Answers GET and HEAD from the shelf, with ranges; 404 for the rest. */
export const serveShelf =
  (shelf: Shelf) =>
  (request: IncomingMessage, response: ServerResponse): void => {
    request.resume();
    if (request.url === '/v2/') return void response.end('{}');
    const item = shelf.get(decodeURIComponent(request.url?.split('/').at(-1) ?? ''));
    if (item === undefined || (request.method !== 'GET' && request.method !== 'HEAD'))
      return void response.writeHead(404).end();
    const { bytes, mediaType = 'application/octet-stream' } = item;
    const start = Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
    response.writeHead(start === 0 ? 200 : 206, {
      'content-type': mediaType,
      'content-length': bytes.length - start,
      ...(start === 0 ? {} : { 'content-range': `bytes ${start}-${bytes.length - 1}/${bytes.length}` }),
    });
    return void response.end(request.method === 'HEAD' ? undefined : bytes.subarray(start));
  };
