/** Plain requests to a registry. */
import { Agent, request } from 'node:http';
import { digestOf } from './images.ts';

export interface WireAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body: Buffer;
}

export interface WireCall {
  readonly method?: string;
  readonly path: string;
  readonly body?: Buffer | undefined;
  readonly type?: string | undefined;
}

/** An answer that is no good one. */
export class RefusedError extends Error {
  readonly status: number;
  constructor({ method = 'GET', path }: WireCall, { status, body }: WireAnswer) {
    super(`${method} ${path}: ${status} ${body.toString().slice(0, 500)}`);
    this.status = status;
  }
}

/** Sends requests until it is disposed. */
export interface Wire extends Disposable {
  /** Rejects when the connection ends before the answer does. */
  call(call: WireCall): Promise<WireAnswer>;
  /** The same, and a status from 400 on is an error. */
  must(call: WireCall): Promise<WireAnswer>;
}

const SILENCE_MS = 60_000;

const bytesOf = async (stream: AsyncIterable<unknown>): Promise<Buffer> => {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
};

/** Where the registry is: a port of 127.0.0.1, or its socket. */
export type WireTarget = { readonly port: number } | { readonly socketPath: string };

export const openWire = (target: WireTarget): Wire => {
  const agent = new Agent({ keepAlive: true });
  const call = ({ method = 'GET', path, body, type }: WireCall): Promise<WireAnswer> => {
    const { promise, resolve, reject } = Promise.withResolvers<WireAnswer>();
    const headers = {
      ...(body === undefined ? {} : { 'content-length': body.length }),
      ...(type === undefined ? {} : { 'content-type': type }),
    };
    const outgoing = request({ host: '127.0.0.1', ...target, agent, method, path, headers }, (incoming) => {
      bytesOf(incoming).then(
        (bytes) => resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, body: bytes }),
        reject,
      );
    });
    outgoing.setTimeout(SILENCE_MS, () => outgoing.destroy(new Error(`no answer to ${method} ${path}`)));
    outgoing.on('error', reject);
    outgoing.end(body);
    return promise;
  };
  return {
    call,
    async must(what) {
      const answer = await call(what);
      if (answer.status >= 400) throw new RefusedError(what, answer);
      return answer;
    },
    [Symbol.dispose]: () => agent.destroy(),
  };
};

/** Path of an upload that a 202 began. */
export const locationOf = ({ headers }: WireAnswer): string => {
  const location = String(headers['location']);
  return location.startsWith('/') ? location : new URL(location).pathname + new URL(location).search;
};

/** What is at a path now: the digest of the bytes, undefined for 404. Rejects anything else, and bytes of another name. */
export const digestAt = async (wire: Wire, path: string): Promise<string | undefined> => {
  const { status, headers, body } = await wire.call({ path });
  if (status === 404) return undefined;
  if (status !== 200) throw new Error(`${path}: ${status} ${body.toString().slice(0, 500)}`);
  const said = headers['docker-content-digest'];
  const found = digestOf(body);
  if (said !== found) throw new Error(`${path}: bytes of ${found} are said to be ${String(said)}`);
  return found;
};
