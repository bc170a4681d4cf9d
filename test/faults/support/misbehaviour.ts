/** Ways in which a registry does not do what it should. */
import { setTimeout as sleep } from 'node:timers/promises';
import { headersOf, serve, type Fault, type Request } from './registry.ts';

/** Answers a request wrongly. */
type Answer = (request: Request) => void | Promise<void>;

const cutAfter =
  (share: number): Answer =>
  ({ reply, response }) => {
    const rest = reply.body.subarray(reply.start);
    response.writeHead(reply.start === 0 ? 200 : 206, headersOf(reply));
    response.write(rest.subarray(0, Math.floor(rest.length * share)), () => response.destroy());
  };

const status =
  (code: number, headers: Record<string, string> = {}): Answer =>
  ({ response }) =>
    void response.writeHead(code, headers).end('{"errors":[{"code":"UNKNOWN","message":"not today"}]}');

/** Announces `more` bytes than it has, or fewer. */
const misannounced =
  (more: number): Answer =>
  ({ reply, response }) => {
    const length = reply.body.length - reply.start + more;
    response.writeHead(reply.start === 0 ? 200 : 206, { ...headersOf(reply), 'content-length': length });
    response.strictContentLength = false;
    response.socket?.write(''); // the head goes first
    response.flushHeaders();
    response.socket?.end(reply.body.subarray(reply.start, more < 0 ? reply.start + length : undefined));
  };

const withBody =
  (change: (body: Buffer) => Buffer): Answer =>
  ({ reply, response, incoming }) =>
    serve({ ...reply, body: change(reply.body) }, response, incoming.method);

const flipped = (body: Buffer): Buffer => {
  const copy = Buffer.from(body);
  copy[copy.length >> 1] = (copy[copy.length >> 1] ?? 0) ^ 1;
  return copy;
};

/** Sends without a length, a little at a time, and gives up in the middle. */
const trickle: Answer = async ({ reply, response }) => {
  const { 'content-length': _, ...headers } = headersOf(reply);
  response.writeHead(reply.start === 0 ? 200 : 206, headers);
  const rest = reply.body.subarray(reply.start, reply.start + (reply.body.length >> 1));
  const piece = Math.max(1, Math.ceil(rest.length / 20));
  for (let at = 0; at < rest.length && !response.destroyed; at += piece) {
    response.write(rest.subarray(at, at + piece));
    await sleep(5);
  }
  response.destroy();
};

const ANSWERS = {
  'answers 500': status(500),
  'answers 503 with a page': ({ response }) =>
    void response.writeHead(503, { 'content-type': 'text/html' }).end('<h1>down</h1>'),
  'answers 429': status(429, { 'retry-after': '0' }),
  'answers 404': status(404),
  'answers 403': status(403),
  'redirects in a circle': ({ response, incoming }) =>
    void response.writeHead(307, { location: incoming.url ?? '/' }).end(),
  'cuts before the head': ({ response }) => void response.destroy(),
  'cuts after the head': cutAfter(0),
  'cuts in the middle': cutAfter(0.5),
  'cuts near the end': cutAfter(0.999),
  'announces too much': misannounced(10),
  'announces too little': misannounced(-10),
  'sends other bytes': withBody(flipped),
  'sends fewer bytes': withBody((body) => body.subarray(0, -7)),
  'sends more bytes': withBody((body) => Buffer.concat([body, Buffer.from('more')])),
  'sends nothing': withBody(() => Buffer.alloc(0)),
  'trickles and gives up': trickle,
} as const satisfies Record<string, Answer>;

export type Misbehaviour = keyof typeof ANSWERS;

export const MISBEHAVIOURS = Object.keys(ANSWERS) as readonly Misbehaviour[];

/** Meets every request for a content, or only the first one, while `active`. */
export const misbehave =
  (
    how: Misbehaviour,
    digest: string,
    when: { readonly active: () => boolean; readonly once: boolean },
  ): Fault =>
  async (request) => {
    if (request.digest !== digest || request.incoming.method === 'HEAD' || !when.active()) return false;
    if (when.once && request.count > 1) return false;
    await ANSWERS[how](request);
    return true;
  };
