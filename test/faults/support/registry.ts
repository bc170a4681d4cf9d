/** A registry for pulls that can be told to misbehave. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { digestOf, type MadeImage } from './images.ts';

/** Something to send: the bytes, and how they are announced. */
export interface Reply {
  readonly body: Buffer;
  readonly digest: string;
  readonly type: string;
  /** First byte that was asked for. */
  readonly start: number;
}

export interface Request {
  readonly kind: 'manifest' | 'blob';
  readonly digest: string;
  readonly reply: Reply;
  readonly incoming: IncomingMessage;
  readonly response: ServerResponse;
  /** How often this content was asked for, this time included. */
  readonly count: number;
}

/** Answers in place of the registry; true when it did. */
export type Fault = (request: Request) => boolean | Promise<boolean>;

export interface FaultyRegistry extends AsyncDisposable {
  readonly address: string;
  offer(name: string, image: MadeImage, fault?: Fault): void;
  /** How often a content was asked for. */
  asked(digest: string): number;
}

interface Offer {
  readonly image: MadeImage;
  readonly fault: Fault | undefined;
}

const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';

export const headersOf = ({ body, digest, type, start }: Reply): Record<string, string | number> => ({
  'content-type': type,
  'docker-content-digest': digest,
  'content-length': body.length - start,
  ...(start === 0 ? {} : { 'content-range': `bytes ${start}-${body.length - 1}/${body.length}` }),
});

/** The honest answer. */
export const serve = (reply: Reply, response: ServerResponse, method = 'GET'): void => {
  response.writeHead(reply.start === 0 ? 200 : 206, headersOf(reply));
  response.end(method === 'HEAD' ? undefined : reply.body.subarray(reply.start));
};

const contentOf = ({ image }: Offer, kind: string, name: string): Buffer | undefined => {
  if (kind === 'manifests') return image.manifest;
  return [image.config, ...image.layers.map(({ blob }) => blob)].find((bytes) => digestOf(bytes) === name);
};

const startOf = (incoming: IncomingMessage): number =>
  Number(/^bytes=(\d+)-/.exec(incoming.headers.range ?? '')?.[1] ?? 0);

export const startFaultyRegistry = async (): Promise<FaultyRegistry> => {
  const offers = new Map<string, Offer>();
  const counts = new Map<string, number>();
  const answer = async (incoming: IncomingMessage, response: ServerResponse): Promise<void> => {
    const [, name = '', kind = '', id = ''] =
      /^\/v2\/(.+)\/(manifests|blobs)\/([^/]+)$/.exec(incoming.url ?? '') ?? [];
    if (kind === '') return void response.writeHead(incoming.url === '/v2/' ? 200 : 404).end();
    const offer = offers.get(name);
    const body = offer === undefined ? undefined : contentOf(offer, kind, id);
    if (offer === undefined || body === undefined) return void response.writeHead(404).end();
    const digest = digestOf(body);
    const count = (counts.get(digest) ?? 0) + 1;
    counts.set(digest, count);
    const type = kind === 'manifests' ? MANIFEST : 'application/octet-stream';
    const reply: Reply = { body, digest, type, start: startOf(incoming) };
    const request: Request = {
      kind: kind === 'manifests' ? 'manifest' : 'blob',
      digest,
      reply,
      incoming,
      response,
      count,
    };
    if ((await offer.fault?.(request)) !== true) serve(reply, response, incoming.method);
  };
  const server = createServer((incoming, response) => {
    answer(incoming, response).catch(() => response.destroy());
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    offer: (name, image, fault) => void offers.set(name, { image, fault }),
    asked: (digest) => counts.get(digest) ?? 0,
    async [Symbol.asyncDispose]() {
      // Half-closed connections, which some misbehaviours leave, are not waited for.
      server.close();
      server.closeAllConnections();
      await Promise.resolve();
    },
  };
};
