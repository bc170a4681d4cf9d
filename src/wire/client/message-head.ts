import type { Socket } from 'node:net';
import { clientErrors } from './errors.ts';

/** Status line and headers of an HTTP/1.1 answer (RFC 9112). */
export interface MessageHead {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
}

const LIMIT = 256 * 1024;
const END = Buffer.from('\r\n\r\n');

/** Parses what stands before the empty line. */
export const parseHead = (text: string): MessageHead => {
  const [first = '', ...lines] = text.split('\r\n');
  const status = /^HTTP\/1\.[01] (\d{3})(?: |$)/.exec(first)?.[1];
  if (status === undefined)
    throw clientErrors.answerInvalid({ problem: `it begins with ${JSON.stringify(first.slice(0, 40))}` });
  const headers: Record<string, string> = {};
  for (const line of lines) {
    const colon = line.indexOf(':');
    if (colon > 0) headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
  }
  return { status: Number(status), headers };
};

/**
 * Reads the head of the next answer and leaves the rest in the socket, which stays paused.
 *
 * @throws CLIENT_ANSWER_INVALID, CLIENT_ANSWER_CUT_SHORT, or what the socket failed with
 */
export const readHead = async (socket: Socket): Promise<MessageHead> => {
  const head = await readOne(socket);
  return head.status >= 100 && head.status < 200 && head.status !== 101 ? await readHead(socket) : head;
};

const readOne = (socket: Socket): Promise<MessageHead> =>
  new Promise((resolve, reject) => {
    let seen: Buffer = Buffer.alloc(0);
    const stop = (): void => {
      socket.off('readable', read).off('error', fail).off('end', end).off('close', end);
    };
    const fail = (error: Error): void => {
      stop();
      reject(error);
    };
    const end = (): void => fail(clientErrors.answerCutShort({}));
    const finish = (at: number): void => {
      stop();
      const rest = seen.subarray(at + END.length);
      if (rest.length > 0) socket.unshift(rest);
      try {
        resolve(parseHead(seen.subarray(0, at).toString('latin1')));
      } catch (error) {
        reject(error);
      }
    };
    const read = (): void => {
      for (
        let chunk = socket.read() as Buffer | null;
        chunk !== null;
        chunk = socket.read() as Buffer | null
      ) {
        seen = seen.length === 0 ? chunk : Buffer.concat([seen, chunk]);
        const at = seen.indexOf(END);
        if (at !== -1) return finish(at);
        if (seen.length > LIMIT)
          return fail(clientErrors.answerInvalid({ problem: 'its head does not end' }));
      }
      return undefined;
    };
    socket.on('readable', read).on('error', fail).on('end', end).on('close', end);
  });
