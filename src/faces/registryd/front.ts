import { timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { cameByUnixSocket, isLoopbackHost } from '#http';
import { EXPOSITION_TYPE } from './exposition.ts';
import type { Readiness } from './health.ts';

export interface FrontOptions {
  readonly readiness: () => Promise<Readiness>;
  readonly metrics: () => Promise<string>;
  /** Who may read metrics: everybody (`open`), who shows the token, callers from this machine, nobody. */
  readonly metricsFor:
    | { readonly kind: 'open' | 'loopback' | 'nobody' }
    | { readonly kind: 'token'; readonly token: string };
}

/** Answers `/healthz`, `/readyz` and `/metrics`; false for every other path. */
export type Front = (request: IncomingMessage, response: ServerResponse) => boolean;

const send = (response: ServerResponse, status: number, type: string, body: string): void => {
  response.writeHead(status, {
    'Content-Type': type,
    'Content-Length': Buffer.byteLength(body),
    'Cache-Control': 'no-store',
  });
  response.end(body);
};

const sameText = (a: string, b: string): boolean => {
  const [x, y] = [Buffer.from(a), Buffer.from(b)];
  return x.length === y.length && timingSafeEqual(x, y);
};

const mayRead = (request: IncomingMessage, rule: FrontOptions['metricsFor']): boolean => {
  const { socket, headers } = request;
  if (rule.kind === 'token') return sameText(headers.authorization ?? '', `Bearer ${rule.token}`);
  if (rule.kind !== 'loopback') return rule.kind === 'open';
  // A proxy on this machine forwards what others ask.
  const isForwarded = headers['x-forwarded-for'] !== undefined || headers['forwarded'] !== undefined;
  return !isForwarded && (cameByUnixSocket(request) || isLoopbackHost(socket.remoteAddress ?? ''));
};

const answerMetrics = async (
  { metrics, metricsFor }: FrontOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> => {
  if (metricsFor.kind === 'nobody') return send(response, 404, 'text/plain', 'not found\n');
  if (mayRead(request, metricsFor)) return send(response, 200, EXPOSITION_TYPE, await metrics());
  if (metricsFor.kind === 'token') response.setHeader('WWW-Authenticate', 'Bearer realm="metrics"');
  return send(response, metricsFor.kind === 'token' ? 401 : 403, 'text/plain', 'not for this caller\n');
};

const answerReadiness = async ({ readiness }: FrontOptions, response: ServerResponse): Promise<void> => {
  const { ready, checks } = await readiness();
  const body = Object.entries(checks).map(([name, state]) => `${name}: ${state}\n`);
  send(response, ready ? 200 : 503, 'text/plain', body.join(''));
};

/** What monitors ask for, before access control. */
export const createFront =
  (options: FrontOptions): Front =>
  (request, response) => {
    const { url = '', method } = request;
    if (!url.startsWith('/healthz') && !url.startsWith('/readyz') && !url.startsWith('/metrics'))
      return false;
    if (method !== 'GET' && method !== 'HEAD') return false;
    const path = url.split('?', 1)[0];
    const failed = (): void => {
      if (response.headersSent) response.destroy();
      else send(response, 500, 'text/plain', 'failed\n');
    };
    if (path === '/healthz') send(response, 200, 'text/plain', 'ok\n');
    else if (path === '/readyz') answerReadiness(options, response).catch(failed);
    else if (path === '/metrics') answerMetrics(options, request, response).catch(failed);
    else return false;
    return true;
  };
