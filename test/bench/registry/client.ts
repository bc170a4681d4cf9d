import { createHash, randomBytes } from 'node:crypto';
import { Agent, request as send } from 'node:http';
import type { BenchedRegistry } from './peers.ts';

export interface Answer {
  readonly status: number;
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly body: Buffer;
}

export interface Client extends Disposable {
  /** One request with a whole body; a status that is not expected is an error. */
  call(method: string, path: string, options?: CallOptions): Promise<Answer>;
}

export interface CallOptions {
  readonly body?: Uint8Array | undefined;
  readonly type?: string | undefined;
  /** Default: anything below 300. */
  readonly status?: number | undefined;
}

/** A client that keeps up to `connections` connections. */
export const createClient = (registry: BenchedRegistry, connections = 64): Client => {
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  const [host, port] = registry.host.split(':');
  const { authorization } = registry;
  const call = (method: string, path: string, { body, type, status }: CallOptions = {}): Promise<Answer> =>
    new Promise((resolve, reject) => {
      const headers = {
        ...(authorization === undefined ? {} : { authorization }),
        ...(type === undefined ? {} : { 'content-type': type }),
        ...(method === 'GET' || method === 'HEAD' ? {} : { 'content-length': body?.length ?? 0 }),
      };
      const request = send({ agent, host, port, method, path, headers }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.once('error', reject);
        response.once('end', () => {
          const answer = {
            status: response.statusCode ?? 0,
            headers: response.headers,
            body: Buffer.concat(chunks),
          };
          const expected = status === undefined ? answer.status < 300 : answer.status === status;
          if (expected) resolve(answer);
          else
            reject(
              new Error(`${registry.name}: ${method} ${path} ${answer.status} ${answer.body.toString()}`),
            );
        });
      });
      request.once('error', reject);
      request.end(body);
    });
  return { call, [Symbol.dispose]: () => agent.destroy() };
};

export const sha256 = (bytes: Uint8Array): string =>
  `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

/** Path of what a Location names, whatever host stands in it. */
const pathOf = (location: string): string => {
  const url = new URL(location, 'http://registry');
  return `${url.pathname}${url.search}`;
};

const located = (answer: Answer): string => pathOf(String(answer.headers.location));

/** Pushes as clients do: POST, PATCH, PUT. */
export const pushBlob = async (
  client: Client,
  repository: string,
  bytes: Uint8Array,
  digest: string,
): Promise<void> => {
  const begun = await client.call('POST', `/v2/${repository}/blobs/uploads/`);
  const type = 'application/octet-stream';
  const patched = await client.call('PATCH', located(begun), { body: bytes, type });
  const location = located(patched);
  const mark = location.includes('?') ? '&' : '?';
  await client.call('PUT', `${location}${mark}digest=${encodeURIComponent(digest)}`);
};

const OCI_MANIFEST = 'application/vnd.oci.image.manifest.v1+json';

/** Pushes a manifest with one configuration and `layers` layers of a few bytes each; gives its digest. */
export const pushManifest = async (
  client: Client,
  { repository, tag, layers }: { readonly repository: string; readonly tag: string; readonly layers: number },
): Promise<string> => {
  const descriptors: object[] = [];
  for (let index = 0; index <= layers; index += 1) {
    const bytes = randomBytes(100);
    const digest = sha256(bytes);
    await pushBlob(client, repository, bytes, digest);
    const kind = index === 0 ? 'config.v1+json' : 'layer.v1.tar+gzip';
    descriptors.push({ mediaType: `application/vnd.oci.image.${kind}`, digest, size: bytes.length });
  }
  const [config, ...rest] = descriptors;
  const bytes = Buffer.from(
    JSON.stringify({ schemaVersion: 2, mediaType: OCI_MANIFEST, config, layers: rest }),
  );
  await client.call('PUT', `/v2/${repository}/manifests/${tag}`, { body: bytes, type: OCI_MANIFEST });
  return sha256(bytes);
};
