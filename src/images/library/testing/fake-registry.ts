import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { buffer } from 'node:stream/consumers';
import {
  MEDIA_TYPES,
  encodeImageConfig,
  encodeImageManifest,
  encodeIndex,
  parseDiffId,
  sha256Of,
  type Descriptor,
  type Digest,
} from '#oci';
import { rootfsTar } from '../testing.ts';

/** How one request for a blob is answered wrongly. */
export type Fault =
  /** Other bytes of the same length. */
  | { readonly kind: 'altered' }
  /** The connection breaks after so many bytes. */
  | { readonly kind: 'cut'; readonly after: number }
  /** Waits before it answers. */
  | { readonly kind: 'slow'; readonly ms: number };

export interface FakeRegistry extends AsyncDisposable {
  /** `127.0.0.1:PORT`. */
  readonly host: string;
  /** Requests for blobs so far: digest and the Range header. */
  readonly requests: { readonly digest: string; readonly range: string | undefined }[];
  /** What happens to the next requests for a blob, one each. */
  readonly faults: Map<Digest, Fault[]>;
  readonly blobs: Map<string, Buffer>;
  /** By `repository:tag` and `repository:digest`. */
  readonly manifests: Map<string, FakeManifest>;
  /** What the referrers API answers, by subject; without it there is none. */
  referrers: Map<string, readonly Descriptor[]> | undefined;
}

export interface FakeManifest {
  readonly bytes: Buffer;
  readonly mediaType: string;
  /** What the registry says its digest is, when that is not its sha256. */
  readonly digest?: string | undefined;
}

export interface FakeImage {
  readonly config: Digest;
  readonly manifest: Digest;
  readonly layers: readonly Digest[];
}

/** Stores an image of these layers, each a list of files, under `repository:tag`. */
export const addImage = async (
  registry: FakeRegistry,
  name: { readonly repository: string; readonly tag: string },
  layers: readonly Readonly<Record<string, Buffer | string>>[],
): Promise<FakeImage> => {
  const tars = await Promise.all(layers.map((files) => buffer(rootfsTar(files))));
  const packed = tars.map((tar) => gzipSync(tar, { level: 1 }));
  const config = encodeImageConfig({
    os: 'linux',
    architecture: process.arch === 'arm64' ? 'arm64' : 'amd64',
    config: { Cmd: ['/bin/true'] },
    rootfs: { diffIds: tars.map((tar) => parseDiffId(sha256Of(tar))) },
    history: [],
  });
  for (const bytes of [config, ...packed]) registry.blobs.set(sha256Of(bytes), bytes);
  const describe = (bytes: Buffer, mediaType: string) => ({
    mediaType,
    digest: sha256Of(bytes),
    size: bytes.length,
  });
  const manifest = encodeImageManifest({
    mediaType: MEDIA_TYPES.ociManifest,
    config: describe(config, MEDIA_TYPES.ociConfig),
    layers: packed.map((bytes) => describe(bytes, MEDIA_TYPES.ociLayerGzip)),
  });
  const stored = { bytes: manifest, mediaType: MEDIA_TYPES.ociManifest };
  registry.manifests.set(`${name.repository}:${name.tag}`, stored);
  registry.manifests.set(`${name.repository}:${sha256Of(manifest)}`, stored);
  return {
    config: sha256Of(config),
    manifest: sha256Of(manifest),
    layers: packed.map((bytes) => sha256Of(bytes)),
  };
};

const sendManifest = (registry: FakeRegistry, name: string, response: ServerResponse): void => {
  const manifest = registry.manifests.get(name);
  if (manifest === undefined) {
    response.writeHead(404, { 'Content-Type': 'application/json' });
    response.end('{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}');
    return;
  }
  response.writeHead(200, {
    'Content-Type': manifest.mediaType,
    'Content-Length': manifest.bytes.length,
    'Docker-Content-Digest': manifest.digest ?? sha256Of(manifest.bytes),
  });
  response.end(manifest.bytes);
};

const sendReferrers = (registry: FakeRegistry, subject: string, response: ServerResponse): void => {
  if (registry.referrers === undefined) {
    response.writeHead(404).end('404 page not found');
    return;
  }
  const manifests = registry.referrers.get(subject) ?? [];
  response.writeHead(200, { 'Content-Type': MEDIA_TYPES.ociIndex });
  response.end(encodeIndex({ mediaType: MEDIA_TYPES.ociIndex, manifests }));
};

const sendBlob = async (
  registry: FakeRegistry,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> => {
  const digest = decodeURIComponent(request.url?.split('/').at(-1) ?? '') as Digest;
  const { range } = request.headers;
  registry.requests.push({ digest, range });
  const whole = registry.blobs.get(digest);
  if (whole === undefined) {
    response.writeHead(404).end();
    return;
  }
  const start = Number(/^bytes=(\d+)-/.exec(range ?? '')?.[1] ?? 0);
  const bytes = Buffer.from(whole.subarray(start));
  const fault = registry.faults.get(digest)?.shift();
  if (fault?.kind === 'slow') await new Promise((resolve) => setTimeout(resolve, fault.ms));
  if (fault?.kind === 'altered') bytes.reverse();
  const length = { 'Content-Length': bytes.length, 'Accept-Ranges': 'bytes' };
  if (start === 0) response.writeHead(200, length);
  else
    response.writeHead(206, {
      ...length,
      'Content-Range': `bytes ${start}-${whole.length - 1}/${whole.length}`,
    });
  if (fault?.kind === 'cut') response.write(bytes.subarray(0, fault.after), () => response.destroy());
  else response.end(bytes);
};

/** A registry that serves what it was given, and lies when told to. */
export const startFakeRegistry = async (): Promise<FakeRegistry> => {
  const server = createServer((request, response) => {
    const [, name, reference] =
      /^\/v2\/(.+)\/manifests\/([^/]+)$/.exec(decodeURIComponent(request.url ?? '')) ?? [];
    const [, subject] = /\/referrers\/([^/?]+)/.exec(request.url ?? '') ?? [];
    if (request.url === '/v2/') response.writeHead(200).end('{}');
    else if (subject !== undefined) sendReferrers(registry, subject, response);
    else if (name === undefined) void sendBlob(registry, request, response);
    else sendManifest(registry, `${name}:${reference}`, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const registry: FakeRegistry = {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests: [],
    faults: new Map(),
    blobs: new Map(),
    manifests: new Map(),
    referrers: undefined,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
  return registry;
};
