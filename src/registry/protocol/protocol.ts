import type { IncomingMessage, ServerResponse } from 'node:http';
import { requireNeeds, type AccessControl, type AccessRequest, type Caller, type Need } from '#access';
import { answerError, answerJson, type Exchange } from './answers.ts';
import { needsOf } from './authorize.ts';
import { deleteBlob, getBlob } from './blob-handlers.ts';
import type { Call, Services } from './call.ts';
import { translateError } from './codes.ts';
import { protocolErrors } from './errors.ts';
import { listReferrers, listRepositories, listTags } from './list-handlers.ts';
import { deleteManifest, getManifest, putManifest } from './manifest-handlers.ts';
import { parseRoute, type Route } from './routes.ts';
import type { ProtocolOptions } from './types.ts';
import { beginUpload, cancelUpload, continueUpload, finishUpload, uploadStatus } from './upload-handlers.ts';
import { createWriters } from './writers.ts';

const MANIFEST_BYTES = 4 * 1024 * 1024;

type Handler = (call: Call) => void | Promise<void>;
type Handlers = Readonly<Record<string, Handler>>;

const reading = (handler: Handler): Handlers => ({ GET: handler, HEAD: handler });

type RouteOf<K extends Route['kind']> = Extract<Route, { readonly kind: K }>;

const handlersByKind: { readonly [K in Route['kind']]: (route: RouteOf<K>) => Handlers } = {
  unknown: () => ({}),
  base: () => reading((call) => answerJson(call, {})),
  catalog: () => reading(listRepositories),
  blob: (route) => ({
    ...reading((call) => getBlob(call, route)),
    DELETE: (call) => deleteBlob(call, route),
  }),
  uploads: (route) => ({ POST: (call) => beginUpload(call, route.repository) }),
  upload: (route) => ({
    GET: (call) => uploadStatus(call, route),
    PATCH: (call) => continueUpload(call, route),
    PUT: (call) => finishUpload(call, route),
    DELETE: (call) => cancelUpload(call, route),
  }),
  manifest: (route) => ({
    ...reading((call) => getManifest(call, route)),
    PUT: (call) => putManifest(call, route),
    DELETE: (call) => deleteManifest(call, route),
  }),
  tags: (route) => reading((call) => listTags(call, route.repository)),
  referrers: (route) => reading((call) => listReferrers(call, route.repository, route.digest)),
};

const handlersOf = (route: Route): Handlers => {
  const make = handlersByKind[route.kind] as (route: Route) => Handlers;
  return make(route);
};

const splitUrl = (url: string): { readonly path: string; readonly query: URLSearchParams } => {
  const mark = url.indexOf('?');
  return mark === -1
    ? { path: url, query: new URLSearchParams() }
    : { path: url.slice(0, mark), query: new URLSearchParams(url.slice(mark + 1)) };
};

/** What a request says about who sends it. */
export const accessRequest = (request: IncomingMessage): AccessRequest => ({
  authorization: request.headers.authorization,
  address: request.socket.remoteAddress ?? '',
});

/** Who makes the change that a request asks for. */
export const causeOf = (request: IncomingMessage, caller: Caller) => ({
  actor: caller.name,
  address: request.socket.remoteAddress,
  client: request.headers['user-agent'],
  host: request.headers.host,
  method: request.method,
});

const unanswered = (route: Route, method: string, path: string): Error =>
  route.kind === 'unknown'
    ? protocolErrors.routeUnknown({ path: path.slice(0, 200) })
    : protocolErrors.unsupported({ method, path });

interface Refusal {
  readonly exchange: Exchange;
  readonly needs: readonly Need[];
  readonly path: string;
}

const answerFailure = (
  { access, observer }: { readonly access: AccessControl; readonly observer: Services['observer'] },
  { exchange, needs, path }: Refusal,
  error: unknown,
): void => {
  const { request, response } = exchange;
  if (!request.complete && request.destroyed) {
    response.destroy();
    return;
  }
  const { status } = translateError(error);
  if (status >= 500) observer.failed?.({ method: request.method ?? '', path, error });
  const challenge =
    status === 401 ? { 'WWW-Authenticate': access.challenge(needs, request.headers.host) } : {};
  answerError(exchange, error, challenge);
};

/** Answers requests of the protocol. */
export type ProtocolHandler = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

/**
 * The whole of distribution-spec 1.1 under `/v2/`, Docker's schema 2 manifests included. Whatever it answers with 201 or
 * 202 after a change is durable. Never rejects.
 */
export const createProtocol = (options: ProtocolOptions): ProtocolHandler => {
  const { storage, access, protection, upstreams, observer = {}, limits = {} } = options;
  const services: Services = {
    storage,
    writers: createWriters(),
    protection,
    upstreams,
    observer,
    manifestBytes: limits.manifestBytes ?? MANIFEST_BYTES,
  };
  return async (request, response) => {
    const exchange: Exchange = { request, response };
    const { path, query } = splitUrl(request.url ?? '/');
    const { method = 'GET' } = request;
    let needs: readonly Need[] = [];
    try {
      const caller = await access.authenticate(accessRequest(request));
      const route = parseRoute(path);
      needs = needsOf(route, method);
      requireNeeds(caller, needs);
      const handler = handlersOf(route)[method];
      if (handler === undefined) throw unanswered(route, method, path);
      await handler({ ...exchange, services, method, query, caller, cause: causeOf(request, caller) });
    } catch (error) {
      answerFailure({ access, observer }, { exchange, needs, path }, error);
    }
  };
};
