import { once } from 'node:events';
import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** One download of a blob through the gate. */
export interface Download {
  readonly digest: string;
  /** First byte that was asked for. */
  readonly start: number;
  /** Bytes that were passed on. */
  bytes: number;
}

/** A registry as seen through a proxy that counts the bytes of blobs, and can stop in the middle of one. */
export interface Gate extends AsyncDisposable {
  /** host:port */
  readonly address: string;
  readonly downloads: readonly Download[];
  /** Counts from nothing again. */
  forget(): void;
  /** From now on every blob has another first byte. */
  lie(): void;
  /** Bytes of uploads that came, cut ones included. */
  uploaded(): number;
  /** Cuts the next upload that is larger than this after so many bytes. */
  cutUpload(bytes: number): void;
  /** Lets no more than so many bytes of a blob pass in one download, until `open`. */
  hold(digest: string, bytes: number): void;
  open(): void;
  /** Resolves when a download has come to its limit. */
  held(): Promise<void>;
}

const blobOf = (request: IncomingMessage): string | undefined =>
  request.method === 'GET' ? /\/blobs\/(sha256:[0-9a-f]{64})$/.exec(request.url ?? '')?.[1] : undefined;

/** Begins a gate before a plain HTTP registry. */
export const startGate = async (upstream: string): Promise<Gate> => {
  const downloads: Download[] = [];
  let uploaded = 0;
  let cutAfter: number | undefined;
  let lies = false;
  let limit: { readonly digest: string; readonly bytes: number } | undefined;
  let arrived = Promise.withResolvers<void>();
  let opened = Promise.withResolvers<void>();
  opened.resolve();

  const pass = async (
    answer: IncomingMessage,
    response: ServerResponse,
    download?: Download,
  ): Promise<void> => {
    const closed = once(response, 'close');
    response.writeHead(answer.statusCode ?? 502, answer.headers);
    for await (const chunk of answer as AsyncIterable<Buffer>) {
      if (download !== undefined && limit?.digest === download.digest && download.bytes >= limit.bytes) {
        arrived.resolve();
        await Promise.race([opened.promise, closed]);
      }
      if (response.destroyed) return;
      if (lies && download?.bytes === 0 && download.start === 0) chunk[0] = (chunk[0] ?? 0) ^ 1;
      if (!response.write(chunk)) await Promise.race([once(response, 'drain'), closed]);
      if (download !== undefined) download.bytes += chunk.length;
    }
    response.end();
  };

  const server = createServer((request, response) => {
    const [hostname, port] = upstream.split(':');
    const digest = blobOf(request);
    const start = Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
    const download = digest === undefined ? undefined : { digest, start, bytes: 0 };
    if (download !== undefined) downloads.push(download);
    const { method, url, headers } = request;
    const onward = httpRequest({ hostname, port, method, path: url, headers }, (answer) => {
      pass(answer, response, download).catch(() => response.destroy());
    });
    onward.on('error', () => response.destroy());
    response.on('close', () => onward.destroy());
    request.on('error', () => onward.destroy()).pipe(onward);
    if (method !== 'PATCH' && method !== 'PUT') return;
    let came = 0;
    request.on('data', (chunk: Buffer) => {
      came += chunk.length;
      uploaded += chunk.length;
      if (cutAfter === undefined || came < cutAfter) return;
      cutAfter = undefined;
      request.destroy();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    downloads,
    lie: () => void (lies = true),
    uploaded: () => uploaded,
    cutUpload: (bytes) => void (cutAfter = bytes),
    forget: () => void downloads.splice(0),
    hold(digest, bytes) {
      limit = { digest, bytes };
      arrived = Promise.withResolvers();
      opened = Promise.withResolvers();
    },
    open() {
      limit = undefined;
      opened.resolve();
    },
    held: () => arrived.promise,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
    },
  };
};
