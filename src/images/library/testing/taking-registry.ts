import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { isIndexType, parseManifest, sha256Of } from '#oci';

/** A registry that takes what is pushed and keeps the order in which it came. */
export interface TakingRegistry extends AsyncDisposable {
  /** `127.0.0.1:PORT`. */
  readonly host: string;
  readonly blobs: Map<string, Buffer>;
  readonly manifests: Map<string, Buffer>;
  /** Tags and digests of manifests, in the order they came. */
  readonly order: string[];
}

const refuse = (response: ServerResponse, code: string): void => {
  response.writeHead(code === 'MANIFEST_BLOB_UNKNOWN' ? 404 : 400, { 'Content-Type': 'application/json' });
  response.end(JSON.stringify({ errors: [{ code, message: code.toLowerCase() }] }));
};

/** What a manifest names that is not there, whatever its media type. */
const lacks = ({ blobs, manifests }: TakingRegistry, bytes: Buffer, mediaType: string): boolean => {
  const manifest = parseManifest(bytes, mediaType);
  return manifest.kind === 'index'
    ? manifest.manifests.some((entry) => !manifests.has(entry.digest))
    : [manifest.config, ...manifest.layers].some((entry) => !blobs.has(entry.digest));
};

const takeManifest = async (
  registry: TakingRegistry,
  { request, response, target }: { request: IncomingMessage; response: ServerResponse; target: string },
): Promise<void> => {
  const bytes = await buffer(request);
  const mediaType = request.headers['content-type'] ?? '';
  if (lacks(registry, bytes, mediaType)) {
    refuse(response, isIndexType(mediaType) ? 'MANIFEST_INVALID' : 'MANIFEST_BLOB_UNKNOWN');
    return;
  }
  for (const name of new Set([target, sha256Of(bytes)])) registry.manifests.set(name, bytes);
  registry.order.push(target);
  response.writeHead(201, { 'Docker-Content-Digest': sha256Of(bytes), 'OCI-Subject': 'any' }).end();
};

const answer = async (
  registry: TakingRegistry,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> => {
  const url = new URL(request.url ?? '', 'http://registry');
  const last = decodeURIComponent(url.pathname.split('/').at(-1) ?? '');
  if (url.pathname.includes('/manifests/')) {
    if (request.method === 'PUT') await takeManifest(registry, { request, response, target: last });
    else response.writeHead(registry.manifests.has(last) ? 200 : 404).end();
  } else if (request.method === 'POST') response.writeHead(202, { Location: `${url.pathname}upload` }).end();
  else if (request.method === 'PUT') {
    registry.blobs.set(url.searchParams.get('digest') ?? '', await buffer(request));
    response.writeHead(201).end();
  } else response.writeHead(last === '' || registry.blobs.has(last) ? 200 : 404).end();
};

/** Wants everything that a manifest names, layers that lie elsewhere included. */
export const startTakingRegistry = async (): Promise<TakingRegistry> => {
  const server = createServer((request, response) => void answer(registry, request, response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const registry: TakingRegistry = {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    blobs: new Map(),
    manifests: new Map(),
    order: [],
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
  return registry;
};
