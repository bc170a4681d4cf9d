import type { IncomingMessage, ServerResponse } from 'node:http';
import { TLSSocket } from 'node:tls';
import type { ClientCertificate } from '#access';
import { makeRequestId, stateFacts, type RequestFacts } from '#protocol';
import { certificateOf } from './client-certificate.ts';
import { routeKind, type RouteKind } from './route-kind.ts';
import type { ProxyTrust } from './trusted-proxies.ts';

/** A request that has ended. */
export interface Served {
  readonly facts: RequestFacts;
  readonly method: string;
  /** Without its query. */
  readonly path: string;
  readonly kind: RouteKind;
  readonly status: number;
  /** Bytes of the answer's body, and of the request's. */
  readonly sent: number;
  readonly received: number;
  readonly seconds: number;
  readonly agent: string | undefined;
  /** Whether the connection ended before the answer did. */
  readonly aborted: boolean;
}

export interface Traffic {
  /** To be called with every request before anything else sees it. */
  begin(request: IncomingMessage, response: ServerResponse): void;
  /** Requests that have not ended. */
  readonly inFlight: number;
  /** Those of them that upload. */
  readonly uploads: number;
}

const SANE_ID = /^[\w.:@/+=-]{1,128}$/;

const idOf = (request: IncomingMessage): string => {
  const stated = request.headers['x-request-id'];
  return typeof stated === 'string' && SANE_ID.test(stated) ? stated : makeRequestId();
};

const certificateIn = (request: IncomingMessage): ClientCertificate | undefined =>
  request.socket instanceof TLSSocket ? certificateOf(request.socket) : undefined;

const factsFor = (request: IncomingMessage, trust: ProxyTrust): RequestFacts => {
  const { socket, headers } = request;
  const forwarded = headers['x-forwarded-proto'];
  const isForwarded = forwarded !== undefined && trust.trusts(socket.remoteAddress);
  return {
    id: idOf(request),
    address: trust.clientAddress(request),
    secure: isForwarded ? forwarded === 'https' : socket instanceof TLSSocket,
    certificate: certificateIn(request),
    caller: undefined,
  };
};

const numberIn = (value: unknown): number | undefined => {
  const number = typeof value === 'string' || typeof value === 'number' ? Number(value) : Number.NaN;
  return Number.isSafeInteger(number) ? number : undefined;
};

const hasBody = (method: string, status: number): boolean =>
  method !== 'HEAD' && status !== 304 && status !== 204;

/** Gives each request its id and facts, and tells when it has ended. */
export const createTraffic = (trust: ProxyTrust, ended: (served: Served) => void): Traffic => {
  let inFlight = 0;
  let uploads = 0;
  return {
    get inFlight() {
      return inFlight;
    },
    get uploads() {
      return uploads;
    },
    begin: (request, response) => {
      const started = performance.now();
      const { socket, method = '', url = '' } = request;
      const [readBefore, writtenBefore] = [socket.bytesRead, socket.bytesWritten];
      const facts = factsFor(request, trust);
      stateFacts(request, facts);
      response.setHeader('X-Request-Id', facts.id);
      const mark = url.indexOf('?');
      const path = mark === -1 ? url : url.slice(0, mark);
      const kind = routeKind(path);
      const isUpload = kind === 'upload';
      inFlight += 1;
      if (isUpload) uploads += 1;
      response.once('close', () => {
        inFlight -= 1;
        if (isUpload) uploads -= 1;
        const aborted = !response.writableFinished;
        const status = response.headersSent ? response.statusCode : 499;
        const written = Math.max(0, socket.bytesWritten - writtenBefore);
        const stated = aborted ? undefined : numberIn(response.getHeader('content-length'));
        const isChunked = request.headers['transfer-encoding'] !== undefined;
        ended({
          facts,
          method,
          path,
          kind,
          status,
          sent: hasBody(method, status) ? (stated ?? written) : 0,
          received: isChunked
            ? Math.max(0, socket.bytesRead - readBefore)
            : (numberIn(request.headers['content-length']) ?? 0),
          seconds: (performance.now() - started) / 1000,
          agent: request.headers['user-agent'],
          aborted,
        });
      });
    },
  };
};
