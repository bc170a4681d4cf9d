import { hash, randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { collect, createHttpClient, type HttpResponse } from '#http';
import { digestOf, type Digest } from '#oci';
import { createAuthorizer } from './credentials.ts';
import { demandStatus, locationOf, withQuery } from './expectations.ts';
import type { ConformanceOptions, Probe, ProbeRequest } from './types.ts';

const MAX_BODY = 64 * 1024 * 1024;

/** What is accepted wherever manifests are asked for. */
const ACCEPTED = [
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  '*/*',
].join(', ');

const jsonIn = (body: Buffer): unknown => {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    return undefined;
  }
};

/** The digest of bytes. */
export const digestBy = (algorithm: 'sha256' | 'sha512', bytes: Uint8Array | string): Digest =>
  digestOf(algorithm, hash(algorithm, bytes, 'hex'));

/**
 * A client of the registry; requests follow no redirect except those of reads. At the end the manifests that were pushed
 * are deleted, where that can be.
 */
export const createProbe = (options: ConformanceOptions): Probe & AsyncDisposable => {
  const { prefix = 'conformance', insecure = false, signal } = options;
  const client = createHttpClient({ insecure, baseUrl: options.url });
  const authorizer = createAuthorizer(client, options.credentials);
  const run = randomBytes(4).toString('hex');
  const shared = new Map<string, Promise<unknown>>();
  let repositories = 0;

  const send = (method: string, url: string, request: ProbeRequest): Promise<HttpResponse> =>
    client.request({
      method,
      url,
      headers: { accept: ACCEPTED, ...authorizer.headers(method, url), ...request.headers },
      body: request.body,
      signal,
    });

  /** Blobs may live elsewhere; credentials do not follow. */
  const redirected = async (method: string, url: string, response: HttpResponse): Promise<HttpResponse> => {
    const { location } = response.headers;
    if (method !== 'GET' && method !== 'HEAD') return response;
    if (![301, 302, 303, 307, 308].includes(response.status) || typeof location !== 'string') return response;
    response.body.resume();
    return client.request({ method, url: new URL(location, url), signal });
  };

  const call: Probe['call'] = async (method, target, request = {}) => {
    const url = new URL(target, options.url).href;
    let response = await send(method, url, request);
    if (response.status === 401 && !(request.body instanceof Readable)) {
      response.body.resume();
      if (await authorizer.learn(method, url, response.headers)) response = await send(method, url, request);
    }
    response = await redirected(method, url, response);
    const body = await collect(response.body, MAX_BODY);
    const { status, headers } = response;
    return { status, headers, body, json: jsonIn(body), asked: `${method} ${target.slice(0, 300)}` };
  };

  const blob: Probe['blob'] = async (repository, bytes, algorithm = 'sha256') => {
    const digest = digestBy(algorithm, bytes);
    const begun = await call('POST', `/v2/${repository}/blobs/uploads/`);
    demandStatus(begun, 202);
    const put = await call('PUT', withQuery(locationOf(begun), 'digest', digest), {
      body: bytes,
      headers: { 'content-type': 'application/octet-stream' },
    });
    demandStatus(put, 201);
    return digest;
  };

  /** Paths of what is to be removed at the end. */
  const pushed = new Set<string>();
  const manifest: Probe['manifest'] = async ({ repository, body, type, reference, query = '' }) => {
    const digest = digestBy('sha256', body);
    const answer = await call('PUT', `/v2/${repository}/manifests/${reference ?? digest}${query}`, {
      body,
      headers: { 'content-type': type },
    });
    if (answer.status === 201)
      pushed.add(`/v2/${repository}/manifests/${reference?.includes(':') === true ? reference : digest}`);
    return answer;
  };

  const removePushed = async (): Promise<void> => {
    for (const path of pushed) await call('DELETE', path);
  };

  return {
    call,
    blob,
    manifest,
    repository: () => {
      repositories += 1;
      return `${prefix}/${run}-${repositories}`;
    },
    once: <T>(key: string, make: () => Promise<T>): Promise<T> => {
      const made = shared.get(key) ?? make();
      shared.set(key, made);
      return made as Promise<T>;
    },
    [Symbol.asyncDispose]: async () => {
      await removePushed().catch(() => undefined);
      await client[Symbol.asyncDispose]();
    },
  };
};
