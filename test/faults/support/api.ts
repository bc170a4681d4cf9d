import { request } from 'node:http';

export interface Answer {
  /** Whether the daemon said that all is done: a good status, and no error in the stream after it. */
  readonly ok: boolean;
  readonly status: number;
  readonly body: Buffer;
}

export interface Call {
  readonly method?: string;
  readonly path: string;
  readonly body?: Uint8Array | string | undefined;
  readonly type?: string;
}

const bytesOf = async (stream: AsyncIterable<unknown>): Promise<Buffer> => {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
};

const streamsError = (body: Buffer): boolean =>
  body.length < 100_000 && /^\{"(error|errorDetail|kind":"error)"/m.test(body.toString());

/** Nothing in this suite takes so long, however busy the machine is. */
const SILENCE_MS = 60_000;

/** A daemon that says nothing any more. */
export class SilentError extends Error {
  constructor(path: string) {
    super(`no answer for ${SILENCE_MS / 1000} s to ${path}`);
  }
}

/** One call to a daemon; rejects when the connection ends before the answer does, or nothing comes for a minute. */
export const callDaemon = async (socketPath: string, call: Call): Promise<Answer> => {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const outgoing = request(
    {
      socketPath,
      path: call.path,
      method: call.method ?? 'POST',
      headers: call.body === undefined ? {} : { 'content-type': call.type ?? 'application/x-tar' },
      agent: false,
    },
    (incoming) => {
      const status = incoming.statusCode ?? 0;
      bytesOf(incoming).then(
        (body) => resolve({ ok: status < 300 && !streamsError(body), status, body }),
        reject,
      );
    },
  );
  outgoing.setTimeout(SILENCE_MS, () => outgoing.destroy(new SilentError(call.path)));
  outgoing.on('error', reject);
  outgoing.end(call.body);
  return promise;
};

/** The same, and what goes wrong is thrown. */
export const mustCall = async (socketPath: string, call: Call): Promise<Buffer> => {
  const { ok, status, body } = await callDaemon(socketPath, call);
  if (!ok)
    throw new Error(`${call.method ?? 'POST'} ${call.path}: ${status} ${body.toString().slice(-2000)}`);
  return body;
};
