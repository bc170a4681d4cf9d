import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AccessControl } from '#access';
import { collect, createHttpClient, startHttpServer, type HeaderValues } from '#http';
import { parseDigest, type Digest } from '#oci';
import { expect } from 'vitest';
import { digestBy } from '../blobs/testing.ts';
import { createRegistry } from './registry.ts';
import { openRegistryStorage } from './storage.ts';
import type { Registry, RegistryOptions, OpenStorage } from './types.ts';

export { digestBy };

/** One answer, read to the end. */
export interface WireAnswer {
  readonly status: number;
  readonly headers: HeaderValues;
  readonly body: Buffer;
  readonly text: string;
  readonly json: unknown;
  /** First code of an error body. */
  readonly code: string | undefined;
}

export interface WireRequest {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | string | undefined;
}

export interface WireRegistry extends AsyncDisposable {
  readonly url: string;
  readonly host: string;
  readonly root: string;
  readonly registry: Registry;
  readonly storage: OpenStorage;
  /** Faults of the registry itself. */
  readonly failures: unknown[];
  call(method: string, path: string, request?: WireRequest): Promise<WireAnswer>;
  /** Pushes a blob the usual way. */
  blob(repository: string, bytes: Uint8Array | string, algorithm?: 'sha256' | 'sha512'): Promise<Digest>;
}

const parseBody = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};

const codeIn = (json: unknown): string | undefined =>
  (json as { errors?: { code?: string }[] } | undefined)?.errors?.[0]?.code;

/** Options of a registry; its access control may need its storage. */
export interface WireOptions extends Omit<RegistryOptions, 'storage' | 'observer'> {
  readonly accessOf?: ((storage: OpenStorage) => Promise<AccessControl>) | undefined;
}

/** A registry of its own directory on a free port, and a plain client for it. */
export const startWireRegistry = async (
  options: WireOptions = {},
  directory?: string,
): Promise<WireRegistry> => {
  const root = directory ?? (await mkdtemp(join(tmpdir(), 'lade-registry-')));
  const stack = new AsyncDisposableStack();
  stack.defer(() => rm(root, { recursive: true, force: true }));
  const storage = stack.use(await openRegistryStorage(root));
  const failures: unknown[] = [];
  const observer = { failed: (failure: unknown) => void failures.push(failure) };
  const made = options.accessOf === undefined ? undefined : stack.use(await options.accessOf(storage));
  const registry = createRegistry({ ...options, access: options.access ?? made, storage, observer });
  const server = await startHttpServer({
    ...registry,
    listen: [{ kind: 'tcp', host: '127.0.0.1', port: 0 }],
  });
  stack.defer(() => server.close(0));
  const url = server.addresses[0]?.url ?? '';
  const client = stack.use(createHttpClient());

  const call = async (method: string, path: string, request: WireRequest = {}): Promise<WireAnswer> => {
    const target = path.startsWith('http') ? path : `${url}${path}`;
    const response = await client.request({
      method,
      url: target,
      headers: request.headers,
      body: request.body,
    });
    const body = await collect(response.body, 64 * 1024 * 1024);
    const text = body.toString('utf8');
    const json = parseBody(text);
    return { status: response.status, headers: response.headers, body, text, json, code: codeIn(json) };
  };

  const blob = async (
    repository: string,
    bytes: Uint8Array | string,
    algorithm: 'sha256' | 'sha512' = 'sha256',
  ): Promise<Digest> => {
    const digest = digestBy(algorithm, bytes);
    const begun = await call('POST', `/v2/${repository}/blobs/uploads/`);
    const put = await call('PUT', `${begun.headers.location}?digest=${digest}`, { body: bytes });
    expect(put.status).toBe(201);
    return parseDigest(digest);
  };

  return {
    url,
    host: new URL(url).host,
    root,
    registry,
    storage,
    failures,
    call,
    blob,
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
};
