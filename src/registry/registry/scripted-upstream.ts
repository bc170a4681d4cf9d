import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { sha256Of, type Digest } from '#oci';

const IMAGE = 'application/vnd.oci.image.manifest.v1+json';

/** Answers a request itself; false leaves it to the registry. */
export type Script = (request: IncomingMessage, response: ServerResponse) => boolean | Promise<boolean>;

/** A registry of another kind, in memory, that does what a test wants and counts what it is asked. */
export interface ScriptedUpstream extends AsyncDisposable {
  readonly url: string;
  readonly host: string;
  /** `METHOD PATH` of every request. */
  readonly requests: string[];
  /** Headers of every request. */
  readonly headers: IncomingMessage['headers'][];
  /** Runs before every answer. */
  script: Script | undefined;
  blob(bytes: Buffer): Digest;
  manifest(repository: string, tags: readonly string[], bytes: Buffer, mediaType?: string): Digest;
  /** An image of one layer. */
  image(repository: string, tag: string, layer: Buffer): { readonly digest: Digest; readonly layer: Digest };
  untag(repository: string, tag: string): void;
  count(pattern: RegExp): number;
  /** Stops to listen; connections are cut. */
  down(): Promise<void>;
  up(): Promise<void>;
}

interface Content {
  readonly blobs: Map<string, Buffer>;
  /** By `repository reference`. */
  readonly manifests: Map<
    string,
    { readonly bytes: Buffer; readonly mediaType: string; readonly digest: Digest }
  >;
}

const sendManifest = (content: Content, request: IncomingMessage, response: ServerResponse): boolean => {
  const [, repository, reference] = /^\/v2\/(.+)\/manifests\/([^/?]+)/.exec(request.url ?? '') ?? [];
  const found = content.manifests.get(`${repository} ${reference}`);
  if (repository === undefined || found === undefined) return false;
  const { bytes, mediaType, digest } = found;
  response.writeHead(200, {
    'content-type': mediaType,
    'content-length': bytes.length,
    'docker-content-digest': digest,
  });
  response.end(request.method === 'HEAD' ? undefined : bytes);
  return true;
};

const sendBlob = (content: Content, request: IncomingMessage, response: ServerResponse): boolean => {
  const [, digest = ''] = /\/blobs\/([^/?]+)/.exec(request.url ?? '') ?? [];
  const bytes = content.blobs.get(digest);
  if (bytes === undefined) return false;
  const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
  const part = bytes.subarray(start);
  response.writeHead(start === 0 ? 200 : 206, {
    'content-length': part.length,
    ...(start === 0 ? {} : { 'content-range': `bytes ${start}-${bytes.length - 1}/${bytes.length}` }),
  });
  response.end(request.method === 'HEAD' ? undefined : part);
  return true;
};

const sendTags = (content: Content, request: IncomingMessage, response: ServerResponse): boolean => {
  const [, name] = /^\/v2\/(.+)\/tags\/list/.exec(request.url ?? '') ?? [];
  if (name === undefined) return false;
  const tags = [...content.manifests.keys()]
    .filter((key) => key.startsWith(`${name} `) && !key.includes(':'))
    .map((key) => key.slice(name.length + 1));
  response.end(JSON.stringify({ name, tags }));
  return true;
};

export const startScriptedUpstream = async (): Promise<ScriptedUpstream> => {
  const content: Content = { blobs: new Map(), manifests: new Map() };
  const requests: string[] = [];
  const headers: IncomingMessage['headers'][] = [];
  let script: Script | undefined;
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    requests.push(`${request.method} ${request.url}`);
    headers.push(request.headers);
    if ((await script?.(request, response)) === true) return;
    if (request.url === '/v2/') return void response.end('{}');
    const answered = [sendManifest, sendBlob, sendTags].some((send) => send(content, request, response));
    if (answered) return;
    response.writeHead(404).end('{"errors":[{"code":"MANIFEST_UNKNOWN"}]}');
  };
  const server = createServer((request, response) => void answer(request, response));
  const listen = async (port: number): Promise<void> => {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
  };
  const down = async (): Promise<void> => {
    server.closeAllConnections();
    if (server.listening) await new Promise((done) => server.close(done));
  };
  await listen(0);
  const { port } = server.address() as AddressInfo;

  const blob = (bytes: Buffer): Digest => {
    content.blobs.set(sha256Of(bytes), bytes);
    return sha256Of(bytes);
  };
  const manifest: ScriptedUpstream['manifest'] = (repository, tags, bytes, mediaType = IMAGE) => {
    const digest = sha256Of(bytes);
    for (const reference of [digest, ...tags])
      content.manifests.set(`${repository} ${reference}`, { bytes, mediaType, digest });
    return digest;
  };
  return {
    url: `http://127.0.0.1:${port}`,
    host: `127.0.0.1:${port}`,
    requests,
    headers,
    get script() {
      return script;
    },
    set script(wanted) {
      script = wanted;
    },
    blob,
    manifest,
    image: (repository, tag, layer) => {
      const config = Buffer.from(JSON.stringify({ architecture: 'amd64', os: 'linux', of: sha256Of(layer) }));
      const text = JSON.stringify({
        schemaVersion: 2,
        mediaType: IMAGE,
        config: {
          mediaType: 'application/vnd.oci.image.config.v1+json',
          digest: blob(config),
          size: config.length,
        },
        layers: [
          { mediaType: 'application/vnd.oci.image.layer.v1.tar', digest: blob(layer), size: layer.length },
        ],
      });
      return { digest: manifest(repository, [tag], Buffer.from(text)), layer: sha256Of(layer) };
    },
    untag: (repository, tag) => void content.manifests.delete(`${repository} ${tag}`),
    count: (pattern) => requests.filter((line) => pattern.test(line)).length,
    down,
    up: () => listen(port),
    [Symbol.asyncDispose]: down,
  };
};
