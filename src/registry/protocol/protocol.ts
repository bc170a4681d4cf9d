import type { IncomingMessage, ServerResponse } from 'node:http';
import {
  accessErrors,
  requireNeeds,
  retryAfterOf,
  type AccessControl,
  type AccessRequest,
  type Caller,
  type Need,
} from '#access';
import type { LadeError } from '#errors';
import { answerError, answerJson, type Exchange } from './answers.ts';
import { needsOf } from './authorize.ts';
import { deleteBlob, getBlob } from './blob-handlers.ts';
import { limitBody } from './body-limits.ts';
import type { Call, Services } from './call.ts';
import { translateError } from './codes.ts';
import { protocolErrors } from './errors.ts';
import { listReferrers, listRepositories, listTags } from './list-handlers.ts';
import { deleteManifest, getManifest, putManifest } from './manifest-handlers.ts';
import { localRoute } from './pull-through.ts';
import { isRefusal, refusalEntry } from './refusal-entry.ts';
import { createRefusals, type Refusals } from './refusals.ts';
import { factsOf } from './request-facts.ts';
import { parseRoute, type Route } from './routes.ts';
import type { ProtocolOptions } from './types.ts';
import { beginUpload, cancelUpload, continueUpload, finishUpload, uploadStatus } from './upload-handlers.ts';
import { createUploadAllowance } from './upload-allowance.ts';
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
export const accessRequest = (request: IncomingMessage): AccessRequest => {
  const { address = '', certificate, secure } = factsOf(request);
  const { authorization, cookie, host } = request.headers;
  const origin = host === undefined ? undefined : `${secure ? 'https' : 'http'}://${host}`;
  return { authorization, address, certificate, origin, cookie };
};

/** Who makes the change that a request asks for. */
export const causeOf = (request: IncomingMessage, caller: Pick<Caller, 'name'>) => {
  const facts = factsOf(request);
  facts.caller = caller.name;
  return {
    actor: caller.name,
    address: facts.address,
    client: request.headers['user-agent'],
    requestId: facts.id,
    host: request.headers.host,
    method: request.method,
    secure: facts.secure || undefined,
  };
};

const handlerOf = (route: Route, method: string, path: string): Handler => {
  if (route.kind === 'unknown') throw protocolErrors.routeUnknown({ path: path.slice(0, 200) });
  const handlers = handlersOf(route);
  const handler = handlers[method];
  if (handler !== undefined) return handler;
  throw protocolErrors.unsupported({
    method,
    path: path.slice(0, 200),
    allowed: Object.keys(handlers).join(', '),
  });
};

/** A request as far as it was understood when it failed. */
interface Attempt {
  readonly exchange: Exchange;
  readonly path: string;
  readonly needs: readonly Need[];
  readonly route: Route | undefined;
  readonly caller: Caller | undefined;
}

interface FailureServices {
  readonly access: AccessControl;
  readonly observer: Services['observer'];
  readonly refusals: Refusals;
}

const headersOfFailure = (
  access: AccessControl,
  { needs, exchange }: Attempt,
  status: number,
  error: LadeError,
) => {
  if (status === 401) return { 'WWW-Authenticate': access.challenge(needs, accessRequest(exchange.request)) };
  if (error.code === accessErrors.throttled.code) return { 'Retry-After': retryAfterOf(error) };
  const { allowed, retryAfterS } = error.details ?? {};
  if (typeof retryAfterS === 'number') return { 'Retry-After': retryAfterS };
  return protocolErrors.unsupported.is(error) && typeof allowed === 'string' ? { Allow: allowed } : {};
};

const answerFailure = (
  { access, observer, refusals }: FailureServices,
  attempt: Attempt,
  thrown: unknown,
): void => {
  const { request, response } = attempt.exchange;
  if (!request.complete && request.destroyed) {
    response.destroy();
    return;
  }
  const { status, code, error } = translateError(thrown);
  const { method = '' } = request;
  if (status >= 500) observer.failed?.({ method, path: attempt.path, error: thrown });
  if (isRefusal({ status, code, method, authorization: request.headers.authorization })) {
    const cause = causeOf(request, attempt.caller ?? { name: 'anonymous' });
    refusals.record(refusalEntry(attempt.route, cause, error.message));
  }
  answerError(attempt.exchange, thrown, headersOfFailure(access, attempt, status, error));
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
    allowance: createUploadAllowance({
      policies: storage.metadata.policies,
      evict: (id) => storage.blobs.removeUpload(id),
    }),
    protection,
    upstreams,
    observer,
    manifestBytes: limits.manifestBytes ?? MANIFEST_BYTES,
    blobBytes: limits.blobBytes ?? Infinity,
  };
  const refusals = createRefusals(storage.metadata.journal);
  return async (request, response) => {
    const exchange: Exchange = { request, response };
    const { path, query } = splitUrl(request.url ?? '/');
    const { method = 'GET' } = request;
    let attempt: Attempt = { exchange, path, needs: [], route: undefined, caller: undefined };
    limitBody(request, response, limits.bodyIdleMs);
    try {
      const caller = await access.authenticate(accessRequest(request));
      const cause = causeOf(request, caller);
      attempt = { ...attempt, caller };
      const asked = parseRoute(path);
      attempt = { ...attempt, route: asked };
      const route = localRoute(asked, { method, query, response }, upstreams);
      const needs = needsOf(route, method);
      attempt = { ...attempt, route, needs };
      requireNeeds(caller, needs);
      const handler = handlerOf(route, method, path);
      await handler({ ...exchange, services, method, query, caller, cause });
    } catch (error) {
      answerFailure({ access, observer, refusals }, attempt, error);
    }
  };
};
