import { streams } from './builtins.ts';
import { createConnector, type Connector } from './connect.ts';
import { answerError, clientErrors } from './errors.ts';
import { exchange, type Exchange } from './exchange.ts';
import { jsonLines } from './json-lines.ts';
import { readBody } from './message-body.ts';
import type { ClientAnswer, ClientRequest, DaemonHost, DockerClient, Hijacked } from './types.ts';

const ERROR_LIMIT = 64 * 1024;

const collect = async (body: AsyncIterable<Buffer>, limit = Number.POSITIVE_INFINITY): Promise<Buffer> => {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body) {
    chunks.push(chunk);
    size += chunk.length;
    if (size > limit) break;
  }
  return Buffer.concat(chunks);
};

const textMember = (value: unknown, key: string): string => {
  const member =
    typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[key] : undefined;
  return typeof member === 'string' ? member : '';
};

/** The error that a failed answer's body describes: Docker's `{"message"}`, with Lade's `hint`. */
const readError = async (status: number, body: AsyncIterable<Buffer>): Promise<Error> => {
  const text = (await collect(body, ERROR_LIMIT).catch(() => Buffer.alloc(0))).toString().trim();
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    parsed = undefined;
  }
  const message = textMember(parsed, 'message') || text || `the daemon answered with status ${status}`;
  return answerError({ status, message, hint: textMember(parsed, 'hint') });
};

const bodyOf = ({ socket, head }: Exchange, request: ClientRequest): AsyncIterable<Buffer> =>
  readBody(socket, head, { empty: request.method === 'HEAD' });

const succeed = async (connect: Connector, request: ClientRequest): Promise<Exchange> => {
  const answer = await exchange(connect, request);
  if (answer.head.status < 400) return answer;
  throw await readError(answer.head.status, bodyOf(answer, request));
};

const toJson = async <T>(body: AsyncIterable<Buffer>): Promise<T> => {
  const bytes = await collect(body);
  if (bytes.length === 0) return undefined as T;
  try {
    return JSON.parse(bytes.toString()) as T;
  } catch (error) {
    throw clientErrors.answerInvalid({ problem: 'it is no JSON' }, error);
  }
};

const MULTIPLEXED = 'application/vnd.docker.multiplexed-stream';

const hijack = async (connect: Connector, request: ClientRequest): Promise<Hijacked> => {
  const answer = await exchange(connect, request, { Connection: 'Upgrade', Upgrade: 'tcp' });
  const { status, headers } = answer.head;
  if (status >= 400) throw await readError(status, bodyOf(answer, request));
  const type = headers['content-type'] ?? '';
  return { socket: answer.socket, multiplexed: type.startsWith(MULTIPLEXED) };
};

export interface ClientOptions {
  readonly host: DaemonHost;
  /** May see to it that a daemon answers at `host`, when the first connection finds none; the call goes on then. */
  readonly onAbsent?: (() => Promise<void>) | undefined;
}

/** A client of the daemon at `host`. Nothing is opened before the first call. */
export const createDockerClient = ({ host, onAbsent }: ClientOptions): DockerClient => {
  const connect = createConnector(host, onAbsent);
  return {
    host,
    async json<T>(request: ClientRequest): Promise<T> {
      const answer = await succeed(connect, request);
      return await toJson<T>(bodyOf(answer, request));
    },
    async stream(request): Promise<ClientAnswer> {
      const answer = await succeed(connect, request);
      const body = streams().Readable.from(bodyOf(answer, request), { objectMode: false });
      body.once('close', () => answer.socket.destroy());
      return { ...answer.head, body };
    },
    async *lines<T>(request: ClientRequest): AsyncGenerator<T> {
      const answer = await succeed(connect, request);
      yield* jsonLines<T>(bodyOf(answer, request));
    },
    hijack: (request) => hijack(connect, request),
  };
};
